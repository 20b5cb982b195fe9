"""What the doctor looks at, what it makes of it, and the commands that mend it."""

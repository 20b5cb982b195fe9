"""How Starling Nano is made: its corpus, tokenizer, model, training and evaluation."""

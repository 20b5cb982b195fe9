"""From a published safetensors checkpoint to quantised GGUF files, in one read of the source."""

"""EnCodec, through transformers' implementation."""

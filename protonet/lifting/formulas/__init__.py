"""What a few layers compute together: the steps that patterns are put together from."""

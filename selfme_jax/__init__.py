"""SelfME in JAX: micro-expression recognition under one honest protocol."""

__version__ = "0.1.0"

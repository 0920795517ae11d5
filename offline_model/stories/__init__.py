"""Arithmetic told in sentences: a grammar of clauses, the facts they state, and the questions asked of them."""

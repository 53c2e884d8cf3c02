"""The comparison of encoder families: which rows there are, how one is run, and what came of them."""

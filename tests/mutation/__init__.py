"""Does a test notice when one thing of the package is changed? `make mutants` asks it of a sample."""

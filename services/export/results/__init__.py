"""Files of exports: the scratch files of workers, and the store of complete ones."""

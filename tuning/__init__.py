"""Studies of Keras image classifiers: search, comparison, export. What a study is."""

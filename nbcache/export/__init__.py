"""Documents from notebooks: nbconvert's exporters and preprocessor, papermill's engine."""

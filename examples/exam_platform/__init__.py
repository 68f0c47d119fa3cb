"""An exam platform that books the sessions of a class: an example, with tests that show how to try out failures."""

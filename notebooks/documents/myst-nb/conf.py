project = "A report that rebuilds in seconds"
extensions = ["myst_nb"]
nb_execution_mode = "force"  # the kernel's cache decides, cell by cell

"""`python -m hlmm` is `hlmm`."""

from hlmm.cli.app import main

if __name__ == "__main__":
    main()

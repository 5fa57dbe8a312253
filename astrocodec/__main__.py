"""``python -m astrocodec``: the command line of an interpreter whose scripts are not on the path."""

from astrocodec.cli import main

if __name__ == "__main__":
    main()

"""Where the command ``showcall`` begins."""

import gc


def main() -> None:
    """Run it. What is loaded first stays to the end, so it is never looked through for garbage."""
    gc.disable()
    import showcall  # noqa: PLC0415 - the loading is what must not be disturbed

    gc.freeze()
    gc.enable()
    showcall.main()


if __name__ == "__main__":
    main()

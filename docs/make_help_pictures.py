"""Makes the pictures of the help pages: one of every node, and strips of what the important inputs do.

Every picture is the first one of the templates' seed, made by the real nodes on the embedded model.

.venv/bin/python docs/make_help_pictures.py
.venv/bin/python docs/make_help_pictures.py P2PApply windows_cross
"""

import argparse

import drawing
import pictures_of_adjustments
import pictures_of_edits
import pictures_of_extras
import pictures_of_guidance
import pictures_of_maps
import pictures_of_records
import pictures_of_words
import real_runs

FOLDER = real_runs.ROOT / "web" / "docs" / "images"
KILOBYTES = 80
PICTURES = {
    **pictures_of_words.PICTURES,
    **pictures_of_edits.PICTURES,
    **pictures_of_maps.PICTURES,
    **pictures_of_guidance.PICTURES,
    **pictures_of_adjustments.PICTURES,
    **pictures_of_records.PICTURES,
    **pictures_of_extras.PICTURES,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], help="which (default: all)")
    real_runs.comfyui_argument(parser)
    options = parser.parse_args()
    runs = real_runs.started(options.comfyui)
    for name in options.names or PICTURES:
        drawing.save(PICTURES[name](runs), FOLDER / f"{name}.jpg", KILOBYTES)
        print(f"{name}: {(FOLDER / f'{name}.jpg').stat().st_size / 1000:.0f} KB", flush=True)


if __name__ == "__main__":
    main()

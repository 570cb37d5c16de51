"""Draw all sheets of sprites into the package."""

from foresee.organism.world import icons
from tools.world_icons.sheets import sheet

if __name__ == "__main__":
    icons.SHEETS.mkdir(exist_ok=True)
    for size in icons.ANGLES:
        sheet(size).save(icons.SHEETS / f"{size}.png", optimize=True)
    print(f"{icons.SHEETS}: sheets of {', '.join(map(str, icons.ANGLES))} pixels, {len(icons.LOOKS)} looks each")

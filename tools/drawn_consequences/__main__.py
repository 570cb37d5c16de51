"""Draw all images of drawn_consequences into the package."""

from foresee.benchmarks import drawn_consequences
from tools.drawn_consequences.draw import drawings, write

if __name__ == "__main__":
    changed = write(drawn_consequences.IMAGES)
    print(f"{drawn_consequences.IMAGES}: {len(drawings())} images, {changed} changed")
    if changed:
        print("raise VERSION in foresee/benchmarks/drawn_consequences.py, and the digest in its test")

"""Takes out of PyTorch's wheels what a C++ program needs: extract.py <contents.json> <platform> <folder with wheels> <folder to make>.

The result is laid out like libtorch's own archives: include/, lib/, build-version, and the licenses of all that is kept.
"""

from __future__ import annotations  # Python 3.9 does not know `str | None` yet.

import json
import pathlib
import shutil
import sys
import zipfile

BLOCK = 1 << 20


def target_of(name: str, contents: dict, libraries: set[str]) -> str | None:
    """Where a wheel's file goes, or None where it is not needed."""
    parts = name.split("/")
    if name.endswith("/") or ".." in parts or name.startswith("/") or "\\" in name:
        return None
    if name in libraries:
        return f"lib/{parts[-1]}"
    if parts[:2] == ["torch", "include"] and len(parts) > 3 and parts[2] in contents["includes"]:
        return "/".join(parts[1:])
    if parts[0].endswith(".dist-info") and len(parts) > 2 and parts[1] == "licenses":
        return f"licenses/{parts[0].removesuffix('.dist-info')}/{'/'.join(parts[2:])}"
    return None


def main() -> None:
    contents_file, platform, wheels, folder = sys.argv[1:]
    contents = json.loads(pathlib.Path(contents_file).read_text())
    libraries = set(contents["platforms"][platform]["libraries"])
    missing = set(libraries)
    for wheel in sorted(pathlib.Path(wheels).glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            members = [(info, target_of(info.filename, contents, libraries)) for info in archive.infolist()]
            for info, target in members:
                if target is None:
                    continue
                path = pathlib.Path(folder, target)
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, open(path, "wb") as file:  # open() checks the CRC as it reads
                    shutil.copyfileobj(source, file, BLOCK)
                missing.discard(info.filename)
        print(f"extracted {wheel.name}", flush=True)
    if missing:
        sys.exit(f"The wheels lack {', '.join(sorted(missing))}, which {contents_file} names.")
    pathlib.Path(folder, "build-version").write_text(f"{contents['version']}\n")


main()

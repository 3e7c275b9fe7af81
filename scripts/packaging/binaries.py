"""Prints as JSON what shared libraries need from the system that loads them: binaries.py <folder with LIEF> <file>...

For each file: the libraries it needs, the folders in which it looks for them, the versions that it asks of libraries ("GLIBC_2.34") or of
macOS ("macOS_14.0"), and whether it is signed.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])
import lief  # Found in the folder that was just added.


def read_elf(binary: lief.ELF.Binary) -> dict:
    run_paths = [
        path
        for entry in binary.dynamic_entries
        if isinstance(entry, (lief.ELF.DynamicEntryRpath, lief.ELF.DynamicEntryRunPath))
        for path in entry.paths
    ]
    versions = [version.name for needed in binary.symbols_version_requirement for version in needed.get_auxiliary_symbols()]
    return {"needed": list(binary.libraries), "runPaths": run_paths, "versions": versions}


def read_macho(binary: lief.MachO.Binary) -> dict:
    # The first of `libraries` may be the library's own name, which is not a dependency.
    own = lief.MachO.LoadCommand.TYPE.ID_DYLIB
    oldest = binary.build_version.minos if binary.has_build_version else binary.version_min.version
    return {
        "needed": [library.name for library in binary.libraries if library.command != own],
        "runPaths": [run_path.path for run_path in binary.rpaths],
        "versions": ["macOS_" + ".".join(map(str, oldest[:2]))],
        "isSigned": binary.has_code_signature,
    }


def read_pe(binary: lief.PE.Binary) -> dict:
    # A delay-loaded library is searched for at first use only, but it is still needed.
    return {"needed": [library.name for library in (*binary.imports, *binary.delay_imports)], "runPaths": [], "versions": []}


READERS = {lief.ELF.Binary: read_elf, lief.MachO.Binary: read_macho, lief.PE.Binary: read_pe}


def read(path: str) -> dict:
    binary = lief.parse(path)
    if type(binary) not in READERS:
        sys.exit(f"{path} is no library of Linux, macOS or Windows that LIEF can read.")
    return {"file": path, **READERS[type(binary)](binary)}


json.dump([read(path) for path in sys.argv[2:]], sys.stdout)

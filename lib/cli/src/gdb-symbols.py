# Commands for gdb that know where a Runtime.JS machine has what: `npm run gdb` loads them.
#
# Node is linked at a fixed place. Shared libraries are where Node's dynamic linker has put them: it leaves a
# list, which its own dynamic section points to (System V ABI, chapter 5; <link.h>, struct r_debug).
import os

import gdb

DT_NULL = 0
DT_DEBUG = 21
MAXIMUM_LIBRARIES = 64


def word(address):
    return int.from_bytes(gdb.selected_inferior().read_memory(address, 8).tobytes(), "little")


def libraries():
    """Load address and path in the image of each shared library; none before the linker is done."""
    entry = int(os.environ["RUNTIMEJS_DYNAMIC"], 16)  # not _DYNAMIC: the kernel has one, too
    while word(entry) not in (DT_NULL, DT_DEBUG):
        entry += 16
    if word(entry) == DT_NULL or word(entry + 8) == 0:
        return []
    link = word(word(entry + 8) + 8)  # r_debug.r_map
    found = []
    while link != 0 and len(found) < MAXIMUM_LIBRARIES:
        name = gdb.Value(word(link + 8)).cast(gdb.lookup_type("char").pointer()).string()
        if name:
            found.append((word(link), name))
        link = word(link + 24)
    return found


class Symbols(gdb.Command):
    """runtime-symbols: load the symbols of the shared libraries of a machine in which Node runs."""

    def __init__(self, shim):
        super().__init__("runtime-symbols", gdb.COMMAND_FILES)
        self.shim = shim
        self.loaded = set()

    def invoke(self, argument, from_tty):
        try:
            found = libraries()
        except gdb.MemoryError:
            found = []
        if not found:
            raise gdb.GdbError("Node has not loaded its libraries yet: use runtime-start, or go on with c.")
        for address, name in found:
            path = self.shim if os.path.basename(name) == "shim.so" else name
            if name in self.loaded or not os.path.exists(path):
                continue
            gdb.execute(f"add-symbol-file {path} -o {address:#x}", to_string=True)
            self.loaded.add(name)
            print(f"{name} at {address:#x}: symbols of {path}")


class Start(gdb.Command):
    """runtime-start: go on until Node begins (its libraries are loaded by then), and load all symbols."""

    def __init__(self):
        super().__init__("runtime-start", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        # In hardware: when it is set, Node is not in memory yet.
        entry = gdb.execute("info files", to_string=True).split("Entry point: ")[1].split()[0]
        gdb.execute("thbreak *" + entry)
        gdb.execute("continue")
        gdb.execute("runtime-symbols")


Symbols(os.environ["RUNTIMEJS_SHIM"])
Start()

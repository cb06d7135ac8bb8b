"""Commands for gdb that show the fibers of a stopped process or of a core file.

    gdb -p PID -x fibers.py          or          gdb ambit core -x fibers.py

    (gdb) ambit-fibers               lists the suspended fibers
    (gdb) ambit-fiber 3              prints the stack of number 3
    (gdb) ambit-fiber 3 backtrace full
    (gdb) ambit-fiber 3 frame function work      (any command that looks at frames)

A fiber that runs is what the thread's own backtrace shows. Nothing is changed in the process: while a command runs, an
unwinder presents the fiber's frames as the callers of the thread's innermost one. The executable needs its symbol table,
no more. Needs gdb 12 or later; x86-64 and arm64.
"""

import gdb
from gdb.unwinder import Unwinder, register_unwinder

# As stack_slab.h has them.
STACKS_PER_SLAB = 64
GUARD_SIZE = 64 * 1024

# A fiber's record, as cfiber_record.h has it: the registers that the switch has left there, from offset 0, and behind
# them the offsets of the stack's bounds.
SAVED_REGISTERS = {"i386:x86-64": ("rsp", "rbp", "rip"), "aarch64": ("sp", "x29", "pc")}
STACK_LOW = 32
STACK_SIZE = 40


class FrameID:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


def word(address):
    """The 64-bit word at an address of the process."""
    return int.from_bytes(gdb.selected_inferior().read_memory(address, 8).tobytes(), "little")


class Fiber:
    """A suspended fiber: its record's address, and the lowest and the highest address of its stack."""

    def __init__(self, record, low, top):
        self.record = record
        self.low = low
        self.top = top
        self.sp = word(record)

    @staticmethod
    def on_stack(low, size):
        """The fiber that is suspended on a stack; None if there is none, or it runs."""
        stagger = ((low * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 60) * 64
        top = low + size - stagger - 8
        try:
            record = word(top)
            if record == 0 or word(record + STACK_LOW) != low or word(record + STACK_SIZE) != size:
                return None  # no fiber of this stack, or one that has ended
            fiber = Fiber(record, low, top)
        except gdb.MemoryError:
            return None  # the stack was never touched, or its owner is gone
        return fiber if low <= fiber.sp < top else None


def stack_pointers():
    """The stack pointers of all threads: a fiber whose stack holds one runs."""
    selected = gdb.selected_thread()
    pointers = []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        pointers.append(int(gdb.newest_frame().read_register("sp")))
    if selected is not None:
        selected.switch()
    return pointers


def fibers():
    """All suspended fibers."""
    try:
        slab = int(gdb.parse_and_eval("*(unsigned long *)&cfiber_mapped_slabs"))
    except gdb.error:
        raise gdb.GdbError("no symbol cfiber_mapped_slabs: the executable is stripped, or it is not ambit")
    running = stack_pointers()
    while slab != 0:
        base, size = word(slab + 8), word(slab + 16)
        for index in range(STACKS_PER_SLAB if base != 0 else 0):  # 0: the entry stands for no slab
            low = base + index * (GUARD_SIZE + size) + GUARD_SIZE
            fiber = Fiber.on_stack(low, size)
            if fiber is not None and not any(low <= sp < low + size for sp in running):
                yield fiber
        slab = word(slab)


class FiberUnwinder(Unwinder):
    """Presents the frames of `shown`, if there is one, as the callers of the innermost frame."""

    def __init__(self):
        super().__init__("ambit-fiber")
        self.shown = None

    def __call__(self, pending_frame):
        if self.shown is None or pending_frame.level() != 0:
            return None
        registers = SAVED_REGISTERS[pending_frame.architecture().name()]
        values = {name: word(self.shown.record + 8 * index) for index, name in enumerate(registers)}
        # The innermost frame is said to lie right below the fiber's: gdb takes stacks that jump upwards for corrupt.
        info = pending_frame.create_unwind_info(
            FrameID(gdb.Value(self.shown.sp), pending_frame.read_register("pc"))
        )
        for name, value in values.items():
            info.add_saved_register(name, gdb.Value(value).cast(pending_frame.read_register(name).type))
        return info


unwinder = FiberUnwinder()
register_unwinder(None, unwinder, replace=True)


class Showing:
    """While it lasts, the selected thread's frames are those of a fiber."""

    def __init__(self, fiber):
        self.fiber = fiber

    def __enter__(self):
        unwinder.shown = self.fiber
        gdb.invalidate_cached_frames()

    def __exit__(self, *error):
        unwinder.shown = None
        gdb.invalidate_cached_frames()


def place(fiber):
    """The innermost function of the fiber that is neither the host's nor of ambit.h."""
    program = gdb.current_progspace().filename
    with Showing(fiber):
        frame = gdb.newest_frame().older()
        while frame is not None:
            library = gdb.solib_name(frame.pc())
            name = frame.name() or hex(frame.pc())
            if library is not None and library != program and not name.startswith("ambit_"):
                return f"{name} ({library.split('/')[-1]})"
            frame = frame.older()
    return "the host"


class ListFibers(gdb.Command):
    """List the suspended fibers: number, bytes of stack in use, the innermost function of a plugin.
Usage: ambit-fibers [HOW_MANY], 100 if not given"""

    def __init__(self):
        super().__init__("ambit-fibers", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        limit = int(argument) if argument else 100
        count = 0
        for count, fiber in enumerate(fibers(), 1):
            if count <= limit:
                print(f"{count:4}  {fiber.top - fiber.sp:7} bytes  in {place(fiber)}")
        rest = f", the first {limit} are shown" if count > limit else ""
        print(f"{count} suspended fiber{'' if count == 1 else 's'}{rest}")


class ShowFiber(gdb.Command):
    """Look at a suspended fiber by its number in the list of ambit-fibers.
Usage: ambit-fiber NUMBER [COMMAND], backtrace if not given"""

    def __init__(self):
        super().__init__("ambit-fiber", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        number, _, command = argument.partition(" ")
        if not number.isdigit():
            raise gdb.GdbError("Usage: ambit-fiber NUMBER [COMMAND]")
        for count, fiber in enumerate(fibers(), 1):
            if count == int(number):
                return self.show(fiber, command.strip() or "backtrace")
        raise gdb.GdbError(f"there is no fiber {number}; ambit-fibers lists them")

    def show(self, fiber, command):
        with Showing(fiber):
            gdb.newest_frame().older().select()
            lines = gdb.execute(command, to_string=True).splitlines()
        # A backtrace begins with the thread's innermost frame, which is not the fiber's.
        first = next((i for i, line in enumerate(lines) if line.startswith("#1 ")), 0)
        print("\n".join(lines[first:]))


ListFibers()
ShowFiber()

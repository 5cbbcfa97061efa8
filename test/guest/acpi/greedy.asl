// A device that asks for 2 GiB of memory.
DefinitionBlock ("", "SSDT", 2, "RUNTIM", "GREEDY", 1)
{
    Device (\_SB.BAD3)
    {
        Name (_HID, "TEST0004")
        Method (_INI) { Local0 = Buffer (0x7FFFFFFF) {} }
    }
}

// A device whose initialisation divides by zero.
DefinitionBlock ("", "SSDT", 2, "RUNTIM", "DIVIDE", 1)
{
    Device (\_SB.BAD1)
    {
        Name (_HID, "TEST0002")
        Method (_INI) { Local0 = 0  Divide (1, Local0, Local1, Local2) }
    }
}

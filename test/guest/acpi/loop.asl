// A device whose initialisation never ends.
DefinitionBlock ("", "SSDT", 2, "RUNTIM", "LOOP", 1)
{
    Device (\_SB.BAD0)
    {
        Name (_HID, "TEST0001")
        Method (_INI) { Local0 = 0  While (One) { Local0++ } }
    }
}

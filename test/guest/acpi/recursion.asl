// A method that calls itself without end.
DefinitionBlock ("", "SSDT", 2, "RUNTIM", "RECURSE", 1)
{
    Device (\_SB.BAD2)
    {
        Name (_HID, "TEST0003")
        Method (REC) { REC () }
        Method (_INI) { REC () }
    }
}

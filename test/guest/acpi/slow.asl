// Byte code that works for a while, once the app runs.
DefinitionBlock ("", "SSDT", 2, "RUNTIM", "SLOW", 1)
{
    Device (\_SB.SLOW)
    {
        Name (_HID, "TEST0006")
        Method (_INI)
        {
            Sleep (2000)
            Sleep (2000)
            Local0 = 0
            While (Local0 < 600) { Local1 = Package (4) { 1, 2, 3, 4 } Local0++ }
        }
    }
}

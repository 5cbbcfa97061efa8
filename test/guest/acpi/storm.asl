// Has a serial port on ACPI's own interrupt line ask for ever.
DefinitionBlock ("", "SSDT", 2, "RUNTIM", "STORM", 1)
{
    OperationRegion (COM4, SystemIO, 0x02E8, 8)
    Field (COM4, ByteAcc, NoLock, Preserve) { DAT, 8, IER, 8, IIR, 8, LCR, 8, MCR, 8 }
    Device (\_SB.BAD4)
    {
        Name (_HID, "TEST0005")
        Method (_INI) { MCR = 8  IER = 2 }
    }
}

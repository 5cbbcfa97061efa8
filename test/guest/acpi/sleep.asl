// A sleep button that an event device tells of. Its interrupt is edge triggered: the method is run once when somebody
// begins to listen, for what has happened before. So the button is pressed then.
DefinitionBlock ("", "SSDT", 2, "RUNTIM", "SLEEP", 1)
{
    Scope (\_SB)
    {
        Device (SLPB)
        {
            Name (_HID, "PNP0C0E")
        }

        Device (SLPE)
        {
            Name (_HID, "ACPI0013")
            Name (_CRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 22 }
            })
            Method (_EVT, 1, Serialized)
            {
                Notify (\_SB.SLPB, 0x80)
            }
        }
    }
}

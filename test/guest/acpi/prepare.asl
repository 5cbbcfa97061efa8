// Firmware that prepares for power off without end.
DefinitionBlock ("", "SSDT", 2, "RUNTIM", "PREPARE", 1)
{
    Method (\_PTS, 1) { While (One) { Sleep (10) } }
}

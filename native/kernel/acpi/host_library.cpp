// The functions of the C library that ACPICA uses and the kernel does not. Source: ISO C11, 7.4 and 7.24;
// characters are ASCII.
#include <acpi/platform/aclinux.h>

char* strcpy(char* destination, const char* source) {
  return static_cast<char*>(memcpy(destination, source, strlen(source) + 1));
}

char* strncpy(char* destination, const char* source, size_t size) {
  size_t i = 0;
  for (; i < size && source[i]; ++i) destination[i] = source[i];
  for (; i < size; ++i) destination[i] = '\0';
  return destination;
}

char* strcat(char* destination, const char* source) {
  strcpy(destination + strlen(destination), source);
  return destination;
}

int strcmp(const char* a, const char* b) { return strncmp(a, b, SIZE_MAX); }

int strncmp(const char* a, const char* b, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const unsigned char x = static_cast<unsigned char>(a[i]);
    const unsigned char y = static_cast<unsigned char>(b[i]);
    if (x != y) return x < y ? -1 : 1;
    if (x == 0) break;
  }
  return 0;
}

char* strstr(const char* text, const char* wanted) {
  const size_t length = strlen(wanted);
  for (;; ++text) {
    if (strncmp(text, wanted, length) == 0) return const_cast<char*>(text);
    if (*text == '\0') return nullptr;
  }
}

int isdigit(int c) { return c >= '0' && c <= '9'; }
int isupper(int c) { return c >= 'A' && c <= 'Z'; }
int isprint(int c) { return c >= ' ' && c <= '~'; }
int isspace(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
int isxdigit(int c) { return isdigit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }
int tolower(int c) { return isupper(c) ? c - 'A' + 'a' : c; }
int toupper(int c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; }

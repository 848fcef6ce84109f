// SPDX-License-Identifier: MIT
//
// tests/support/pcsc.py gives this driver to pcscd: vpcd's virtual reader, which it is
// linked with, and a PIN pad. PCSCD_PIN_PAD holds the digits that are typed for each
// PIN. Without any, the reader announces its PIN pad and refuses to use it, as QEMU's
// does. The types and numbers are those of pcsc-lite's ifdhandler.h.

#include <stdlib.h>
#include <string.h>

typedef unsigned long DWORD;
typedef struct { DWORD protocol, length; } Header;

enum { SUCCESS = 0, COMMUNICATION_ERROR = 612 };
enum { FEATURE_REQUEST = 0x42000000 + 3400, VERIFY = 0x42330006, MODIFY = 0x42330007 };
enum { STRUCTURE = 19, COMMAND = 17 };  // PIN_VERIFY before abData; VERIFY with a PIN

static const unsigned char features[] = {
    0x06, 4, 0x42, 0x33, 0x00, 0x06, 0x07, 4, 0x42, 0x33, 0x00, 0x07,
};

long IFDHTransmitToICC(DWORD lun, Header pci, unsigned char *command, DWORD size,
                       unsigned char *answer, DWORD *room, Header *answer_pci);

long IFDHControl(DWORD lun, DWORD code, unsigned char *sent, DWORD size,
                 unsigned char *answer, DWORD room, DWORD *returned) {
  const char *digits = getenv("PCSCD_PIN_PAD");
  *returned = 0;
  if (code == FEATURE_REQUEST && room >= sizeof features) {
    memcpy(answer, features, sizeof features);
    *returned = sizeof features;
    return SUCCESS;
  }
  if (code != VERIFY || size != STRUCTURE + COMMAND || digits == NULL || !*digits)
    return COMMUNICATION_ERROR;
  unsigned char command[COMMAND];
  Header pci = {0, sizeof pci}, answer_pci = pci;
  memcpy(command, sent + STRUCTURE, sizeof command);
  memcpy(command + 5, digits, strnlen(digits, 12));
  *returned = room;
  return IFDHTransmitToICC(lun, pci, command, sizeof command, answer, returned, &answer_pci);
}

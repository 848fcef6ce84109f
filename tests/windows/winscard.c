/* SPDX-License-Identifier: MIT
 *
 * A winscard.dll that resets a card whose transaction is idle, as Windows does: "If a
 * transaction is held on the card for more than five seconds with no operations happening
 * on that card, then the card is reset" (Microsoft, SCardBeginTransaction). Wine's own,
 * to which this one hands all calls, lets a transaction last forever. Windows resets the
 * card when the time is over; this one does so at the holder's next call, which sees the
 * same. It also asks pcsc-lite for a reader's features by pcsc-lite's number (PC/SC part 10
 * §2.2), which Wine does not do.
 */
#include <windows.h>
#include <winscard.h>

#define IDLE 5000 /* milliseconds */
#define GET_FEATURE_REQUEST 3400
#define PCSC_LITE 0x42000000

/* All functions that pyscard looks for, first those that go on as they are. */
#define HANDED_ON(each) \
  each(SCardAccessStartedEvent) each(SCardAddReaderToGroupA) each(SCardCancel) each(SCardConnectA) \
  each(SCardEstablishContext) each(SCardForgetCardTypeA) each(SCardForgetReaderA) \
  each(SCardForgetReaderGroupA) each(SCardFreeMemory) each(SCardGetCardTypeProviderNameA) \
  each(SCardGetProviderIdA) each(SCardGetStatusChangeA) each(SCardIntroduceCardTypeA) \
  each(SCardIntroduceReaderA) each(SCardIntroduceReaderGroupA) each(SCardIsValidContext) \
  each(SCardListCardsA) each(SCardListInterfacesA) each(SCardListReaderGroupsA) \
  each(SCardListReadersA) each(SCardLocateCardsA) each(SCardLocateCardsByATRA) \
  each(SCardReleaseContext) each(SCardReleaseStartedEvent) \
  each(SCardRemoveReaderFromGroupA) each(SCardSetAttrib) each(SCardSetCardTypeProviderNameA)
#define WATCHED(each) \
  each(SCardBeginTransaction) each(SCardControl) \
  each(SCardDisconnect) each(SCardEndTransaction) each(SCardGetAttrib) \
  each(SCardReconnect) each(SCardStatusA) each(SCardTransmit)

#define POINTER(name) FARPROC real_##name;
HANDED_ON(POINTER)
WATCHED(POINTER)

#define HAND_ON(name) \
  __asm__(".globl " #name "\n" #name ": jmp *real_" #name "(%rip)\n" \
          ".section .drectve\n .ascii \" -export:" #name "\"\n .text\n");
HANDED_ON(HAND_ON)

#define EXPORT __declspec(dllexport)
EXPORT const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
EXPORT const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
EXPORT const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

/* The transactions. A handle that is not in it has none. */
static struct transaction {
  SCARDHANDLE card;
  ULONGLONG used; /* milliseconds, when the last call ended */
  BOOL was_reset;
} transactions[16];

static struct transaction *of(SCARDHANDLE card) {
  for (struct transaction *each = transactions; each < transactions + 16; each++)
    if (each->card == card) return each;
  return NULL;
}

/* Whether the card of this handle was reset, now or before. */
static BOOL is_reset(SCARDHANDLE card) {
  struct transaction *own = of(card);
  if (own && !own->was_reset && GetTickCount64() - own->used >= IDLE) {
    real_SCardEndTransaction(card, SCARD_RESET_CARD);
    own->was_reset = TRUE;
  }
  return own && own->was_reset;
}

static LONG used(SCARDHANDLE card, LONG result) {
  struct transaction *own = of(card);
  if (own) own->used = GetTickCount64();
  return result;
}

static void forget(SCARDHANDLE card) {
  struct transaction *own = of(card);
  if (own) own->card = 0;
}

#define CALL(name, ...) ((typeof(&name))real_##name)(__VA_ARGS__)
#define WATCH(name, card, ...) \
  (is_reset(card) ? SCARD_W_RESET_CARD : used(card, CALL(name, card, __VA_ARGS__)))

EXPORT LONG WINAPI SCardBeginTransaction(SCARDHANDLE card) {
  if (is_reset(card)) return SCARD_W_RESET_CARD;
  LONG result = CALL(SCardBeginTransaction, card);
  struct transaction *own = of(card) ? of(card) : of(0);
  if (result == SCARD_S_SUCCESS) *own = (struct transaction){card, GetTickCount64(), FALSE};
  return result;
}

EXPORT LONG WINAPI SCardEndTransaction(SCARDHANDLE card, DWORD disposition) {
  if (is_reset(card)) return SCARD_W_RESET_CARD;
  forget(card);
  return CALL(SCardEndTransaction, card, disposition);
}

EXPORT LONG WINAPI SCardReconnect(SCARDHANDLE card, DWORD mode, DWORD protocols,
                                  DWORD initialization, LPDWORD active) {
  if (is_reset(card)) forget(card); /* the holder knows now */
  return used(card, CALL(SCardReconnect, card, mode, protocols, initialization, active));
}

EXPORT LONG WINAPI SCardDisconnect(SCARDHANDLE card, DWORD disposition) {
  is_reset(card);
  forget(card);
  return CALL(SCardDisconnect, card, disposition);
}

EXPORT LONG WINAPI SCardTransmit(SCARDHANDLE card, LPCSCARD_IO_REQUEST pci, LPCBYTE sent,
                                 DWORD length, LPSCARD_IO_REQUEST received_pci,
                                 LPBYTE received, LPDWORD received_length) {
  return WATCH(SCardTransmit, card, pci, sent, length, received_pci, received,
               received_length);
}

EXPORT LONG WINAPI SCardControl(SCARDHANDLE card, DWORD code, LPCVOID in, DWORD in_size,
                                LPVOID out, DWORD out_size, LPDWORD returned) {
  if (code == SCARD_CTL_CODE(GET_FEATURE_REQUEST)) code = PCSC_LITE + GET_FEATURE_REQUEST;
  return WATCH(SCardControl, card, code, in, in_size, out, out_size, returned);
}

EXPORT LONG WINAPI SCardGetAttrib(SCARDHANDLE card, DWORD attribute, LPBYTE value,
                                  LPDWORD length) {
  return WATCH(SCardGetAttrib, card, attribute, value, length);
}

EXPORT LONG WINAPI SCardStatusA(SCARDHANDLE card, LPSTR names, LPDWORD length,
                                LPDWORD state, LPDWORD protocol, LPBYTE atr,
                                LPDWORD atr_length) {
  return WATCH(SCardStatusA, card, names, length, state, protocol, atr, atr_length);
}

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved) {
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  HMODULE real = LoadLibraryA("C:\\windows\\system32\\winscard.dll");
  if (!real || real == self) return FALSE;
#define LOOK_UP(name) real_##name = GetProcAddress(real, #name);
  HANDED_ON(LOOK_UP)
  WATCHED(LOOK_UP)
  return TRUE;
}

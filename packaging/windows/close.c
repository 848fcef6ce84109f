/* SPDX-License-Identifier: MIT
 *
 * Usage: close.exe FOLDER
 *
 * Ends the programs in FOLDER, so that the installer can replace their files. Windows are
 * asked to close, as by their button. Exit status 1: one is still open after ten seconds, or
 * somebody uses the command line, and nothing else was ended. What has no window, as the
 * host that waits for its browser, does nothing with a card. It is ended if it does not end
 * by itself within three seconds.
 */
#include <stdlib.h>
#include <windows.h>
#include <tlhelp32.h>

/* Milliseconds */
#define PATIENCE 10000
#define GRACE 3000
#define STEP 100

static wchar_t folder[MAX_PATH + 1];

/* The process, if its program is in the folder; NULL if not. The uninstaller, which may have
 * started this program, is none of ours. */
static HANDLE ours(DWORD id, wchar_t *path) {
  DWORD length = 32768;
  HANDLE process = OpenProcess(
      PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE | SYNCHRONIZE, FALSE, id);
  if (process == NULL) return NULL;
  if (QueryFullProcessImageNameW(process, 0, path, &length) &&
      _wcsnicmp(path, folder, wcslen(folder)) == 0 &&
      _wcsicmp(path + wcslen(folder), L"uninstall.exe") != 0)
    return process;
  CloseHandle(process);
  return NULL;
}

static BOOL CALLBACK ask(HWND window, LPARAM open) {
  static wchar_t path[32768];
  DWORD id;
  if (!IsWindowVisible(window)) return TRUE;
  GetWindowThreadProcessId(window, &id);
  HANDLE process = ours(id, path);
  if (process == NULL) return TRUE;
  CloseHandle(process);
  *(int *)open += 1;
  PostMessageW(window, WM_CLOSE, 0, 0);
  return TRUE;
}

/* Goes through the processes, and ends them if wanted. Counts those of the command line, and
 * returns how many there are in all. */
static int through(BOOL end, int *commands) {
  static wchar_t path[32768];
  PROCESSENTRY32W entry = {.dwSize = sizeof entry};
  HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
  int found = 0;
  for (BOOL more = Process32FirstW(all, &entry); more; more = Process32NextW(all, &entry)) {
    HANDLE process = ours(entry.th32ProcessID, path);
    if (process == NULL) continue;
    if (end && TerminateProcess(process, 1)) WaitForSingleObject(process, PATIENCE);
    *commands += _wcsicmp(path + wcslen(folder), L"kortilla.exe") == 0;
    found += 1;
    CloseHandle(process);
  }
  CloseHandle(all);
  return found;
}

int wmain(int count, wchar_t **given) {
  int open;
  if (count != 2 || wcslen(given[1]) + 1 > MAX_PATH) return 2;
  wcscpy(folder, given[1]);
  wcscat(folder, L"\\");
  for (int waited = 0;; waited += STEP) {
    open = 0;
    through(FALSE, &open);
    EnumWindows(ask, (LPARAM)&open);
    if (open == 0) break;
    if (waited >= PATIENCE) return 1;
    Sleep(STEP);
  }
  for (int waited = 0; through(FALSE, &open) > 0 && waited < GRACE; waited += STEP)
    Sleep(STEP);
  through(TRUE, &open);
  return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * A program of Kortilla on Windows: the Python in its folder, which runs MODULE with the
 * arguments that the program got. Kortilla starts its own processes as `sys.executable -I …`.
 * That is this program too: with -I first, it is that Python and no more. So each process
 * has Kortilla's name, and the host's parent is the browser, or the cmd.exe that browsers
 * start hosts through. -I excludes PYTHONPATH, the user's site folder and the current folder.
 *
 * MODULE is native_host for kortilla-host.exe, which has no console, and native_host.cli for
 * kortilla.exe, which has one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

int _dowildcard = 0; /* the C library would replace *.pdf by names */

/* Python's C library takes the handles as it is loaded. A browser gives no standard error,
 * and the start menu gives nothing. */
static void give_handle(DWORD which) {
  HANDLE handle = GetStdHandle(which);
  if (handle != NULL && handle != INVALID_HANDLE_VALUE &&
      GetFileType(handle) != FILE_TYPE_UNKNOWN)
    return;
  SetStdHandle(which, CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                                  0, NULL));
}

int wmain(int count, wchar_t **given) {
  static wchar_t path[32768];
  wchar_t *own[] = {given[0], L"-I", L"-m", MODULE};
  wchar_t **arguments = calloc(count + 4, sizeof *arguments);
  DWORD length = GetModuleFileNameW(NULL, path, ARRAYSIZE(path));
  wchar_t *name = length < ARRAYSIZE(path) - 32 ? wcsrchr(path, L'\\') : NULL;
  if (arguments == NULL || name == NULL) return 1;
  wcscpy(name + 1, PYTHON_DLL);

  give_handle(STD_INPUT_HANDLE);
  give_handle(STD_OUTPUT_HANDLE);
  give_handle(STD_ERROR_HANDLE);
  /* No library comes from the current folder or from PATH, and no program from the
   * current folder. */
  SetDllDirectoryW(L"");
  SetEnvironmentVariableW(L"NoDefaultCurrentDirectoryInExePath", L"1");
  HMODULE python = LoadLibraryExW(
      path, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
  int (*run)(int, wchar_t **) =
      python ? (int (*)(int, wchar_t **))(void *)GetProcAddress(python, "Py_Main") : NULL;
  if (run == NULL) {
    fwprintf(stderr, L"%ls can't be loaded (%lu).\n", path, GetLastError());
    return 1;
  }

  int before = count > 1 && wcscmp(given[1], L"-I") == 0 ? 1 : 4;
  for (int i = 0; i < before; i++) arguments[i] = own[i];
  for (int i = 1; i < count; i++) arguments[before + i - 1] = given[i];
  return run(before + count - 1, arguments);
}

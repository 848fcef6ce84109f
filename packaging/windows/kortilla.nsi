; SPDX-License-Identifier: MIT
;
; The installer, which packaging/windows/build makes by makensis. It installs for one person,
; without an administrator, always in the same folder. The uninstaller removes the files that
; this version has written, and no others. An upgrade runs the older version's uninstaller
; with /UPGRADE, which keeps settings and registry.

Unicode true
Target amd64-unicode
RequestExecutionLevel user
SetCompressor /SOLID lzma
SetCompressorDictSize 64
SetDateSave off
ManifestDPIAware true
ManifestSupportedOS Win10
Name "Kortilla"
BrandingText "Kortilla ${VERSION}"
OutFile "${OUTPUT}"
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "Kortilla"
VIAddVersionKey "FileDescription" "Kortilla"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "The Kortilla authors"

!include MUI2.nsh
!include FileFunc.nsh
!include WinVer.nsh
!define MUI_ICON "${WORK}/kortilla.ico"
!define MUI_UNICON "${WORK}/kortilla.ico"
!define ALL_APPS "Software\Microsoft\Windows\CurrentVersion\Uninstall"
!define APPS "${ALL_APPS}\Kortilla"
!define PYTHON '"$INSTDIR\kortilla-host.exe" -I -m native_host.cli'

; NSIS's own titles have "Kortilla -asennus", as for a name of several words.
Caption "$(Install)"
UninstallCaption "$(Remove)"
!define MUI_WELCOMEPAGE_TITLE "$(Install)"
!define MUI_WELCOMEPAGE_TEXT "$(Welcome)"
!define MUI_FINISHPAGE_RUN "$INSTDIR\kortilla-host.exe"
!define MUI_FINISHPAGE_RUN_PARAMETERS "-I -m native_host.cli open"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
; NSIS takes the one of the system's language, and the first where it has no other.
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "Finnish"
!insertmacro MUI_LANGUAGE "Swedish"
!include texts.nsh

; Asks until the programs in the folder have ended. An installation without windows gives up.
!macro CloseKortilla
  InitPluginsDir
  File "/oname=$PLUGINSDIR\close.exe" "${WORK}/close.exe"
  ${Do}
    ExecWait '"$PLUGINSDIR\close.exe" "$INSTDIR"' $0
    ${If} $0 == 0
      ${Break}
    ${EndIf}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(Open)" /SD IDCANCEL IDRETRY +3
    SetErrorLevel 2
    Quit
  ${Loop}
!macroend

!macro OwnFolder
  SetShellVarContext current
  StrCpy $INSTDIR "$LOCALAPPDATA\Programs\Kortilla"
!macroend

Function .onInit
  ${IfNot} ${AtLeastWin10}
    MessageBox MB_ICONSTOP "$(Old)" /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  !insertmacro OwnFolder
FunctionEnd

Section
  ${If} ${FileExists} "$INSTDIR\uninstall.exe"
    !insertmacro CloseKortilla
    ExecWait '"$INSTDIR\uninstall.exe" /S /UPGRADE _?=$INSTDIR'
  ${EndIf}
  ClearErrors
  !include "${WORK}/install.nsh"
  ${If} ${Errors} ; with windows, NSIS has asked
    SetErrorLevel 3
  ${EndIf}
  SetOutPath "$INSTDIR"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  WriteRegStr HKCU "${APPS}" "DisplayName" "Kortilla"
  WriteRegStr HKCU "${APPS}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${APPS}" "DisplayIcon" "$INSTDIR\kortilla.ico"
  WriteRegStr HKCU "${APPS}" "Publisher" "The Kortilla authors"
  WriteRegStr HKCU "${APPS}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${APPS}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${APPS}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${APPS}" "EstimatedSize" ${SIZE}
  WriteRegDWORD HKCU "${APPS}" "NoModify" 1
  WriteRegDWORD HKCU "${APPS}" "NoRepair" 1
  CreateShortcut "$SMPROGRAMS\Kortilla.lnk" "$INSTDIR\kortilla-host.exe" \
    "-I -m native_host.cli open" "$INSTDIR\kortilla.ico"
  ExecWait '${PYTHON} install' $0
  ${If} $0 != 0
    MessageBox MB_ICONEXCLAMATION "$(Browsers)" /SD IDOK
    SetErrorLevel 1
  ${EndIf}
SectionEnd

Function un.onInit
  !insertmacro OwnFolder
FunctionEnd

Section Uninstall
  ${GetParameters} $1
  ClearErrors
  ${GetOptions} $1 "/UPGRADE" $2
  ${If} ${Errors}
    !insertmacro CloseKortilla
    ExecWait '${PYTHON} uninstall'
    Delete "$SMPROGRAMS\Kortilla.lnk"
    DeleteRegKey HKCU "${APPS}"
    DeleteRegKey /ifempty HKCU "${ALL_APPS}"
  ${EndIf}
  SetOutPath "$TEMP" ; Windows keeps the current folder
  !include "${WORK}/remove.nsh"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  RMDir "$LOCALAPPDATA\Programs" ; only if no other program is in it
SectionEnd

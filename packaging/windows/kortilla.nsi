; SPDX-License-Identifier: MIT
;
; The installer, which packaging/windows/build makes by makensis. It installs for one person,
; without an administrator, always in the same folder. The uninstaller removes the files that
; this version has written, and no others. All files are written before anything of an older
; version is touched. Then the older uninstaller runs with /UPGRADE, which keeps settings and
; registry.
;
; NSIS's own texts speak of wizards, and in Finnish of "Kortilla -asennus", as for a name of
; several words. texts.nsh replaces those that are shown.

Unicode true
Target amd64-unicode
RequestExecutionLevel user
SetCompressor /SOLID lzma
SetCompressorDictSize 64
SetDateSave off
ManifestDPIAware true
ManifestSupportedOS Win10
Name "Kortilla"
BrandingText "Kortilla ${VERSION}${MARK}"
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
!define NEW "$INSTDIR\new"
!define PYTHON '"$INSTDIR\kortilla-host.exe" -I -m native_host.cli'

Caption "$(Install)"
UninstallCaption "$(Remove)"
UninstallButtonText "$(RemoveButton)"
ShowInstDetails nevershow
ShowUninstDetails nevershow
!define MUI_WELCOMEFINISHPAGE_BITMAP "${WORK}/side.bmp"
!define MUI_WELCOMEPAGE_TITLE "$(Install)"
!define MUI_WELCOMEPAGE_TEXT "$(Welcome)"
!insertmacro MUI_PAGE_WELCOME
!define MUI_PAGE_HEADER_TEXT "$(Installing)"
!define MUI_PAGE_HEADER_SUBTEXT "$(Wait)"
!define MUI_INSTFILESPAGE_ABORTHEADER_TEXT "$(NotInstalled)"
!define MUI_INSTFILESPAGE_ABORTHEADER_SUBTEXT " "
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_NOREBOOTSUPPORT
!define MUI_FINISHPAGE_TITLE "$(Installed)"
!define MUI_FINISHPAGE_TEXT "$(Find)"
!define MUI_FINISHPAGE_RUN "$INSTDIR\kortilla-host.exe"
!define MUI_FINISHPAGE_RUN_PARAMETERS "-I -m native_host.cli open"
!define MUI_FINISHPAGE_RUN_TEXT "$(OpenIt)"
!define MUI_FINISHPAGE_BUTTON "$(Done)"
!insertmacro MUI_PAGE_FINISH
!define MUI_PAGE_HEADER_TEXT "$(Remove)"
!define MUI_PAGE_HEADER_SUBTEXT " "
!define MUI_UNCONFIRMPAGE_TEXT_TOP "$(Kept)"
!define MUI_UNCONFIRMPAGE_TEXT_LOCATION "$(Folder)"
!insertmacro MUI_UNPAGE_CONFIRM
!define MUI_PAGE_HEADER_TEXT "$(Removing)"
!define MUI_PAGE_HEADER_SUBTEXT "$(Wait)"
!define MUI_INSTFILESPAGE_FINISHHEADER_TEXT "$(Removed)"
!define MUI_INSTFILESPAGE_FINISHHEADER_SUBTEXT " "
!define /redef MUI_INSTFILESPAGE_ABORTHEADER_TEXT "$(NotRemoved)"
!insertmacro MUI_UNPAGE_INSTFILES
; NSIS takes the one of the system's language, and the first where it has no other.
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "Finnish"
!insertmacro MUI_LANGUAGE "Swedish"
!include texts.nsh

; Asks until the programs in the folder have ended. An installation without windows gives up.
!macro CloseKortilla
  InitPluginsDir
  SetDetailsPrint none ; InitPluginsDir has ended it
  File "/oname=$PLUGINSDIR\close.exe" "${WORK}/close.exe"
  ${Do}
    ExecWait '"$PLUGINSDIR\close.exe" "$INSTDIR"' $0
    ${If} $0 == 0
      ${Break}
    ${EndIf}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(Open)" /SD IDCANCEL IDRETRY +3
    SetErrorLevel 2
    Abort
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
  SetDetailsPrint none
  SetErrorLevel 3 ; until all is written
  ; NSIS unpacks all of it into $TEMP first.
  ${DriveSpace} "$LOCALAPPDATA" "/D=F /S=M" $0
  ${If} $0 < ${ROOM}
    MessageBox MB_ICONSTOP "$(Full)" /SD IDOK
    Abort
  ${EndIf}
  RMDir /r "${NEW}"
  ClearErrors
  SetOverwrite try
  !include "${WORK}/install.nsh"
  SetOutPath "$INSTDIR"
  WriteUninstaller "${NEW}\uninstall.exe"
  ${If} ${Errors}
    MessageBox MB_ICONSTOP "$(Unwritable)" /SD IDOK
    Abort
  ${EndIf}

  !insertmacro CloseKortilla
  ExecWait '"$INSTDIR\uninstall.exe" /S /UPGRADE _?=$INSTDIR' ; if there is one
  DeleteRegKey HKCU "${APPS}" ; until it is whole again
  ${For} $1 1 20
    ClearErrors
    !include "${WORK}/move.nsh"
    ${IfNot} ${Errors}
      ${Break}
    ${EndIf}
    Sleep 500 ; a virus scanner may read the files
  ${Next}
  ${If} $1 > 20
    MessageBox MB_ICONSTOP "$(Broken)" /SD IDOK
    Abort
  ${EndIf}
  RMDir /r "${NEW}"
  SetErrorLevel 0
  WriteRegStr HKCU "${APPS}" "DisplayName" "Kortilla"
  WriteRegStr HKCU "${APPS}" "DisplayVersion" "${VERSION}${MARK}"
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

; What an attempt without success has written is removed.
Function .onInstFailed
  SetOutPath "$TEMP" ; Windows keeps the current folder
  RMDir /r "${NEW}"
  RMDir "$INSTDIR"
  RMDir "$LOCALAPPDATA\Programs"
FunctionEnd

Function un.onInit
  !insertmacro OwnFolder
FunctionEnd

Section Uninstall
  SetDetailsPrint none
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
  SetOutPath "$TEMP"
  !include "${WORK}/remove.nsh"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  RMDir "$LOCALAPPDATA\Programs" ; only if no other program is in it
SectionEnd

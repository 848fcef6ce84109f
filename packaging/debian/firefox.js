// SPDX-License-Identifier: MIT
// Firefox looks for new extensions of the system (8) at each start. Without this it finds
// one in a profile that exists when Firefox itself is updated, or a start too late.
pref("extensions.startupScanScopes", 8);

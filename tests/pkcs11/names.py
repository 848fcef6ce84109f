# SPDX-License-Identifier: MIT
"""PKCS#11 constants, named as in its headers: ``CKR.OK`` is CKR_OK.

The values are those of OASIS's ``pkcs11t.h``, and of NSS's ``pkcs11n.h`` for its own
objects and attributes. They do not come from ``native_host.pkcs11.constants``, so that
the tests notice a wrong number there.
"""

from enum import IntEnum, IntFlag

__all__ = [
    "CKA",
    "CKC",
    "CKF",
    "CKG",
    "CKK",
    "CKM",
    "CKO",
    "CKR",
    "CKS",
    "CKU",
    "CK_CERTIFICATE_CATEGORY_AUTHORITY",
    "CK_CERTIFICATE_CATEGORY_TOKEN_USER",
    "CK_UNAVAILABLE_INFORMATION",
]

CK_UNAVAILABLE_INFORMATION = 0xFFFF_FFFF_FFFF_FFFF

CK_CERTIFICATE_CATEGORY_TOKEN_USER = 1
CK_CERTIFICATE_CATEGORY_AUTHORITY = 2


class CKR(IntEnum):
    """Return values."""

    OK = 0x00
    HOST_MEMORY = 0x02
    SLOT_ID_INVALID = 0x03
    GENERAL_ERROR = 0x05
    FUNCTION_FAILED = 0x06
    ARGUMENTS_BAD = 0x07
    NO_EVENT = 0x08
    ATTRIBUTE_SENSITIVE = 0x11
    ATTRIBUTE_TYPE_INVALID = 0x12
    DATA_INVALID = 0x20
    DATA_LEN_RANGE = 0x21
    DEVICE_ERROR = 0x30
    DEVICE_REMOVED = 0x32
    FUNCTION_CANCELED = 0x50
    FUNCTION_NOT_SUPPORTED = 0x54
    KEY_HANDLE_INVALID = 0x60
    KEY_FUNCTION_NOT_PERMITTED = 0x68
    MECHANISM_INVALID = 0x70
    MECHANISM_PARAM_INVALID = 0x71
    OBJECT_HANDLE_INVALID = 0x82
    OPERATION_ACTIVE = 0x90
    OPERATION_NOT_INITIALIZED = 0x91
    PIN_INCORRECT = 0xA0
    PIN_INVALID = 0xA1
    PIN_LEN_RANGE = 0xA2
    PIN_LOCKED = 0xA4
    SESSION_CLOSED = 0xB0
    SESSION_COUNT = 0xB1
    SESSION_HANDLE_INVALID = 0xB3
    SESSION_PARALLEL_NOT_SUPPORTED = 0xB4
    SESSION_READ_ONLY_EXISTS = 0xB7
    TOKEN_NOT_PRESENT = 0xE0
    TOKEN_WRITE_PROTECTED = 0xE2
    USER_ALREADY_LOGGED_IN = 0x100
    USER_NOT_LOGGED_IN = 0x101
    USER_PIN_NOT_INITIALIZED = 0x102
    USER_TYPE_INVALID = 0x103
    RANDOM_NO_RNG = 0x121
    BUFFER_TOO_SMALL = 0x150
    CRYPTOKI_NOT_INITIALIZED = 0x190
    CRYPTOKI_ALREADY_INITIALIZED = 0x191
    FUNCTION_REJECTED = 0x200


class CKO(IntEnum):
    """Classes of objects."""

    CERTIFICATE = 0x01
    PUBLIC_KEY = 0x02
    PRIVATE_KEY = 0x03
    PROFILE = 0x09
    TRUST = 0x0B
    NSS_BUILTIN_ROOT_LIST = 0xCE53_4354


class CKA(IntEnum):
    """Attributes of objects."""

    CLASS = 0x00
    TOKEN = 0x01
    PRIVATE = 0x02
    LABEL = 0x03
    VALUE = 0x11
    CERTIFICATE_TYPE = 0x80
    ISSUER = 0x81
    SERIAL_NUMBER = 0x82
    TRUSTED = 0x86
    CERTIFICATE_CATEGORY = 0x87
    URL = 0x89
    KEY_TYPE = 0x100
    SUBJECT = 0x101
    ID = 0x102
    SENSITIVE = 0x103
    ENCRYPT = 0x104
    DECRYPT = 0x105
    WRAP = 0x106
    UNWRAP = 0x107
    SIGN = 0x108
    SIGN_RECOVER = 0x109
    VERIFY = 0x10A
    VERIFY_RECOVER = 0x10B
    DERIVE = 0x10C
    START_DATE = 0x110
    END_DATE = 0x111
    MODULUS = 0x120
    MODULUS_BITS = 0x121
    PUBLIC_EXPONENT = 0x122
    PRIVATE_EXPONENT = 0x123
    PRIME_1 = 0x124
    PRIME_2 = 0x125
    EXPONENT_1 = 0x126
    EXPONENT_2 = 0x127
    COEFFICIENT = 0x128
    PUBLIC_KEY_INFO = 0x129
    EXTRACTABLE = 0x162
    LOCAL = 0x163
    NEVER_EXTRACTABLE = 0x164
    ALWAYS_SENSITIVE = 0x165
    KEY_GEN_MECHANISM = 0x166
    MODIFIABLE = 0x170
    COPYABLE = 0x171
    DESTROYABLE = 0x172
    EC_PARAMS = 0x180
    EC_POINT = 0x181
    ALWAYS_AUTHENTICATE = 0x202
    WRAP_WITH_TRUSTED = 0x210
    WRAP_TEMPLATE = 0x4000_0211
    ALLOWED_MECHANISMS = 0x4000_0600
    NSS_URL = 0xCE53_4351
    TRUST_DIGITAL_SIGNATURE = 0xCE53_6351


class CKC(IntEnum):
    """Types of certificates."""

    X_509 = 0


class CKK(IntEnum):
    """Types of keys."""

    RSA = 0x00
    EC = 0x03


class CKM(IntEnum):
    """Mechanisms."""

    RSA_PKCS = 0x01
    RSA_X_509 = 0x03
    RSA_PKCS_PSS = 0x0D
    SHA256_RSA_PKCS = 0x40
    SHA384_RSA_PKCS = 0x41
    SHA512_RSA_PKCS = 0x42
    SHA256_RSA_PKCS_PSS = 0x43
    SHA384_RSA_PKCS_PSS = 0x44
    SHA512_RSA_PKCS_PSS = 0x45
    SHA224_RSA_PKCS = 0x46
    SHA224_RSA_PKCS_PSS = 0x47
    SHA_1 = 0x220
    SHA256 = 0x250
    SHA224 = 0x255
    SHA384 = 0x260
    SHA512 = 0x270
    ECDSA = 0x1041
    ECDSA_SHA384 = 0x1045
    AES_GCM = 0x1087


class CKG(IntEnum):
    """Mask generation functions."""

    MGF1_SHA1 = 1
    MGF1_SHA256 = 2
    MGF1_SHA384 = 3
    MGF1_SHA512 = 4
    MGF1_SHA224 = 5


class CKF(IntFlag):
    """Flags. The same bits have other meanings in other calls."""

    # C_GetSlotInfo
    TOKEN_PRESENT = 0x01
    REMOVABLE_DEVICE = 0x02
    HW_SLOT = 0x04
    # C_GetTokenInfo
    WRITE_PROTECTED = 0x02
    LOGIN_REQUIRED = 0x04
    USER_PIN_INITIALIZED = 0x08
    TOKEN_INITIALIZED = 0x400
    # C_OpenSession
    RW_SESSION = 0x02
    SERIAL_SESSION = 0x04
    # C_GetMechanismInfo
    HW = 0x01
    SIGN = 0x800
    EC_F_P = 0x0010_0000
    EC_NAMEDCURVE = 0x0080_0000
    EC_UNCOMPRESS = 0x0100_0000
    # C_SessionCancel, beside SIGN
    FIND_OBJECTS = 0x40
    # C_WaitForSlotEvent
    DONT_BLOCK = 0x01


class CKS(IntEnum):
    """States of a session."""

    RO_PUBLIC_SESSION = 0
    RO_USER_FUNCTIONS = 1
    RW_PUBLIC_SESSION = 2
    RW_USER_FUNCTIONS = 3


class CKU(IntEnum):
    """Types of users."""

    SO = 0
    USER = 1
    CONTEXT_SPECIFIC = 2

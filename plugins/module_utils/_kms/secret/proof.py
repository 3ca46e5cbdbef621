# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is this the material that KMS holds? KMS never answers with the bytes, so each kind of key has a proof of its own.

Symmetric keys: a fingerprint kept in KeyMaterialDescription. RSA and ECC: GetPublicKey. HMAC: GenerateMac.
Where none can be had the verdict is "unknown", and the plan lets KMS compare: a reimport takes only the same bytes.
"""

from __future__ import annotations

import hmac
import os

from ..key import descriptions
from ..key import models
from ..key import specs
from ..key.models import NO_EVIDENCE
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Request
from ..service import connection
from ..service import operations
from ..service.errors import INVALID_STATE
from ..service.errors import NOT_ALLOWED
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid
from .claims import mac_message
from .material import Held
from .preparation import Prepared

# A proof that the caller may not read, or the key's state forbids, is no proof; everything else is a failure.
_NO_PROOF_CODES = (*NOT_ALLOWED, INVALID_STATE)


def find_evidence(kms: connection.Connection, request: Request, key: Key, secret: Held | None) -> Evidence:
    """What can be known by reading alone. Raises AnsibleKMSError for a key_material_id the key never had."""
    if key.symmetric:
        return symmetric_evidence(request, key, secret)
    if secret is None or key.key_state not in (models.ENABLED, models.DISABLED):
        return NO_EVIDENCE
    try:
        if key.key_spec in specs.HMAC_HASHES:
            return _mac_evidence(kms, key, secret)
        return _verdict("public_key", secret.public_key() == operations.get_public_key(kms, key.arn))
    except AnsibleKMSError as error:
        if error.code in _NO_PROOF_CODES:
            return NO_EVIDENCE
        raise


def claimed_evidence(kms: connection.Connection, request: Request, key: Key, prepared: Prepared) -> Evidence:
    """What a bundle says of wrapped material, compared with what KMS shows.

    A person who can write the bundle can say anything: a match spares an import that would change nothing, and never
    stands in for the proof before a deletion or a rotation. Raises AnsibleKMSError.
    """
    if key.symmetric:
        return claimed_symmetric(request, key, prepared)
    proof = prepared.claims.proof
    if proof is None or request.state == "reimported" or key.key_state not in (models.ENABLED, models.DISABLED):
        return NO_EVIDENCE
    try:
        if key.key_spec not in specs.HMAC_HASHES:
            return _verdict("public_key", proof == operations.get_public_key(kms, key.arn))
        if not key.enabled:
            return NO_EVIDENCE
        answer = operations.generate_mac(kms, key.arn, mac_message(key.arn), key.mac_algorithm)
        return _verdict("mac", hmac.compare_digest(proof, answer))
    except AnsibleKMSError as error:
        if error.code in _NO_PROOF_CODES:
            return NO_EVIDENCE
        raise


def claimed_symmetric(request: Request, key: Key, prepared: Prepared) -> Evidence:
    """The same for a symmetric key, by the fingerprints in its list of materials. Makes no call."""
    named, own = request.key_material_id, prepared.claims.fingerprint
    if named and (key.materials or key.never_imported) and key.material(named) is None:
        raise invalid(f"the key material {named} was never imported into the key {request.key_id}")
    marked = [one for one in key.materials if own and descriptions.split(one.description)[1] == own]
    if named:
        return Evidence("match", "key_material_id", named, own, reads_every_mark=False)
    if marked and marked[0].permanent and request.state != "reimported":
        return Evidence("match", "fingerprint", marked[0].key_material_id, own)
    meant = marked[0].key_material_id if marked else prepared.key_material_id
    return Evidence(key_material_id=meant, fingerprint=own, reads_every_mark=False)


def symmetric_evidence(request: Request, key: Key, secret: Held | None) -> Evidence:
    """The verdict of the fingerprints in the list of materials. Makes no call."""
    named = request.key_material_id
    if named and (key.materials or key.never_imported) and key.material(named) is None:
        if request.state == "absent":
            # Staged material vanishes with its deletion: what KMS does not know is absent.
            return NO_EVIDENCE
        raise invalid(f"the key material {named} was never imported into the key {request.key_id}")
    if secret is None:
        return Evidence("match", "key_material_id", named) if named and request.offered else NO_EVIDENCE
    own = secret.fingerprint(key.account_id, key.key_id)
    forms = secret.fingerprints(key.account_id, key.key_id)
    marks = {entry.key_material_id: descriptions.split(entry.description)[1] for entry in key.materials}
    found = next((one for one, mark in marks.items() if mark is not None and _is_one_of(mark, forms)), None)
    if found is not None and named in (None, found):
        return Evidence("match", "fingerprint", found, own)
    meant = [mark for one, mark in marks.items() if named in (None, one)]
    # Bytes of another material of the key are not the named material, also if another tool imported that one.
    if found is not None or (secret.reads_every_mark and meant and all(mark is not None for mark in meant)):
        return Evidence("mismatch", "fingerprint", named, own)
    return Evidence(fingerprint=own, reads_every_mark=secret.reads_every_mark)


def _is_one_of(mark: str, forms: tuple[str, ...]) -> bool:
    return any(hmac.compare_digest(mark, form) for form in forms)


def _mac_evidence(kms: connection.Connection, key: Key, secret: Held) -> Evidence:
    # GenerateMac works in Enabled only.
    if not key.enabled:
        return NO_EVIDENCE
    challenge = os.urandom(models.CHALLENGE_BYTES)
    expected = secret.mac(challenge, specs.HMAC_HASHES[key.key_spec])
    answer = operations.generate_mac(kms, key.arn, challenge, key.mac_algorithm)
    return _verdict("mac", hmac.compare_digest(expected, answer))


def _verdict(method: str, same: bool) -> Evidence:
    return Evidence("match" if same else "mismatch", method)

# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is this the material that KMS holds? Proofs against a connection that answers from a table."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NO_EVIDENCE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.claims import Claims
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import Secret
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import check
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import fingerprint
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.preparation import Prepared
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.preparation import Wrapped
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.proof import claimed_symmetric
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.proof import find_evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.proof import symmetric_evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ACCOUNT
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ARN
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import KEY_ID
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import FakeConnection
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import encoded
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import encoded_public
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import kms_error
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import marked
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import private_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged

OWN = Secret(bytes(range(32)))
OWN_MARK = fingerprint(OWN, ACCOUNT, KEY_ID)
OTHER_MARK = "f" * 32
MATCHED = Evidence("match", "fingerprint", A, OWN_MARK)
MISMATCHED = Evidence("mismatch", "fingerprint", None, OWN_MARK)
UNKNOWN = Evidence("unknown", None, None, OWN_MARK)

own = marked(OWN_MARK)
other = marked(OTHER_MARK)


@pytest.mark.parametrize(
    ("found", "evidence"),
    [
        (empty(), UNKNOWN),
        (key(material()), UNKNOWN),
        (key(material(description="vault 7")), UNKNOWN),
        (key(material(description=own)), MATCHED),
        (key(material(description=marked(OWN_MARK, "vault 7", True))), MATCHED),
        (key(material(description=other)), MISMATCHED),
        (key(material(description=own[:-1] + ("0" if own[-1] != "0" else "1"))), MISMATCHED),
        # The state of a material does not matter for what it is.
        (pending(gone(material(description=own))), MATCHED),
        (key(old(A, description=own), material(B, description=other)), MATCHED),
        (key(material(B, description=other), staged(A, description=own)), MATCHED),
        (key(old(B, description=other), material(C, description=other)), MISMATCHED),
        # One without a mark may be it.
        (key(old(B, description=other), material(C)), UNKNOWN),
        (key(old(B), material(A, description=own)), MATCHED),
        # The mark is bound to account and key ID, and to nothing of the Region.
        (key(material(description=own), key_id="mrk-" + "0" * 32), MISMATCHED),
        (key(material(description=own), account_id="444455556666"), MISMATCHED),
        (key(material(description=own), region="us-east-1", arn=ARN.replace("eu-central-1", "us-east-1")), MATCHED),
    ],
)
def test_symmetric_evidence(found, evidence):
    wanted = symmetric_evidence(request(), found, OWN)
    if (found.key_id, found.account_id) == (KEY_ID, ACCOUNT):
        assert wanted == evidence
    else:
        assert (wanted.verdict, wanted.method) == (evidence.verdict, evidence.method)
        assert wanted.fingerprint not in (None, OWN_MARK)


@pytest.mark.parametrize(
    ("named", "found", "evidence"),
    [
        (A, key(material(description=own)), MATCHED),
        (A, key(material()), UNKNOWN),
        (A, key(material(description=other)), Evidence("mismatch", "fingerprint", A, OWN_MARK)),
        # It is one of the key's, but not the one that it has to be.
        (
            B,
            key(old(A, description=own), material(B, description=other)),
            Evidence("mismatch", "fingerprint", B, OWN_MARK),
        ),
        # The mark of the named material does not matter: these bytes are another material.
        (B, key(old(A, description=own), material(B)), Evidence("mismatch", "fingerprint", B, OWN_MARK)),
        (B, key(old(A, description=other), material(B)), UNKNOWN),
    ],
)
def test_symmetric_evidence_for_a_named_material(named, found, evidence):
    assert symmetric_evidence(request(key_material_id=named), found, OWN) == evidence


@pytest.mark.parametrize(
    ("wanted", "evidence"),
    [
        ({"offered": "wrapped"}, NO_EVIDENCE),
        ({"offered": "wrapped", "key_material_id": A}, Evidence("match", "key_material_id", A)),
        ({"state": "absent"}, NO_EVIDENCE),
        # To name what is to be deleted proves no custody.
        ({"state": "absent", "key_material_id": A}, NO_EVIDENCE),
    ],
)
def test_symmetric_evidence_without_plaintext(wanted, evidence):
    assert symmetric_evidence(request(**wanted), key(material(description=own)), None) == evidence


@pytest.mark.parametrize("wanted", [{}, {"offered": "wrapped"}])
@pytest.mark.parametrize("found", [empty(), key(), pending(), key(old(A), material(B))])
def test_a_material_that_was_never_imported(wanted, found):
    secret = None if wanted else OWN
    with pytest.raises(AnsibleKMSError, match=f"{C} was never imported into the key {ALIAS}"):
        symmetric_evidence(request(key_material_id=C, **wanted), found, secret)


def test_a_material_that_the_key_does_not_know_is_absent():
    assert symmetric_evidence(request(state="absent", key_material_id=C), key(), None) == NO_EVIDENCE


# -- HMAC --------------------------------------------------------------------------------------------------------------


def mac_of(plaintext, digest):
    return lambda parameters: {"Mac": hmac.new(plaintext, parameters["Message"], digest).digest()}


HMACS = [("HMAC_224", 28, "sha224"), ("HMAC_256", 32, "sha256"), ("HMAC_384", 48, "sha384"), ("HMAC_512", 64, "sha512")]


def hmac_key(spec, **fields):
    algorithms = fields.pop("mac_algorithms", (spec.replace("HMAC_", "HMAC_SHA_"),))
    return key(key_spec=spec, mac_algorithms=algorithms, **fields)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(("spec", "length", "digest"), HMACS)
def test_mac(spec, length, digest, listed):
    secret = Secret(bytes(range(length)))
    found = hmac_key(spec) if listed else hmac_key(spec, mac_algorithms=())
    kms = FakeConnection(GenerateMac=mac_of(secret.plaintext, getattr(hashlib, digest)))
    assert find_evidence(kms, request(), found, secret) == Evidence("match", "mac")
    operation, parameters = kms.made[0]
    assert kms.operations == ["GenerateMac"]
    assert (operation, parameters["KeyId"]) == ("GenerateMac", ARN)
    assert parameters["MacAlgorithm"] == f"HMAC_SHA_{spec[5:]}"
    assert len(parameters["Message"]) >= 16
    assert secret.plaintext not in parameters["Message"]


@pytest.mark.parametrize(("spec", "length", "digest"), HMACS)
def test_mac_of_other_bytes(spec, length, digest):
    kms = FakeConnection(GenerateMac=mac_of(bytes(length), getattr(hashlib, digest)))
    assert find_evidence(kms, request(), hmac_key(spec), Secret(bytes(range(length)))) == Evidence("mismatch", "mac")


def test_every_challenge_is_another():
    kms = FakeConnection(GenerateMac=mac_of(OWN.plaintext, hashlib.sha256))
    for _repetition in range(3):
        find_evidence(kms, request(), hmac_key("HMAC_256"), OWN)
    assert len({parameters["Message"] for _operation, parameters in kms.made}) == 3


# -- RSA and elliptic curves -------------------------------------------------------------------------------------------

ASYMMETRIC = ("RSA_2048", "ECC_NIST_P256", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519")


@pytest.mark.parametrize("state", ["Enabled", "Disabled"])
@pytest.mark.parametrize("spec", ASYMMETRIC)
def test_public_key(spec, state):
    secret = check(encoded(private_key(spec)), spec, ALIAS)
    kms = FakeConnection(GetPublicKey={"PublicKey": encoded_public(private_key(spec))})
    assert find_evidence(kms, request(), key(key_spec=spec, key_state=state), secret) == Evidence("match", "public_key")
    assert kms.made == [("GetPublicKey", {"KeyId": ARN})]


@pytest.mark.parametrize("spec", ASYMMETRIC)
def test_public_key_of_another(spec):
    secret = check(encoded(private_key(spec)), spec, ALIAS)
    answers = [encoded_public(private_key(one)) for one in ASYMMETRIC if one != spec]
    for answer in answers:
        kms = FakeConnection(GetPublicKey={"PublicKey": answer})
        assert find_evidence(kms, request(), key(key_spec=spec), secret) == Evidence("mismatch", "public_key")


# -- where there is no proof -------------------------------------------------------------------------------------------


def secret_for(spec):
    return OWN if spec == "HMAC_256" else check(encoded(private_key(spec)), spec, ALIAS)


@pytest.mark.parametrize(
    ("spec", "state"),
    [
        ("HMAC_256", "Disabled"),
        *((spec, state) for spec in ("HMAC_256", "RSA_2048") for state in ("PendingImport", "PendingDeletion")),
    ],
)
def test_no_call_is_made_where_kms_would_refuse_it(spec, state):
    kms = FakeConnection()
    assert find_evidence(kms, request(), key(key_spec=spec, key_state=state), secret_for(spec)) == NO_EVIDENCE
    assert kms.made == []


@pytest.mark.parametrize("spec", ["HMAC_256", "RSA_2048"])
def test_without_the_material_nothing_is_asked(spec):
    kms = FakeConnection()
    assert find_evidence(kms, request(state="absent"), key(key_spec=spec), None) == NO_EVIDENCE
    assert kms.made == []


def test_symmetric_keys_are_never_asked():
    kms = FakeConnection()
    assert find_evidence(kms, request(), key(material(description=own)), OWN) == MATCHED
    assert kms.made == []


@pytest.mark.parametrize(("spec", "operation"), [("HMAC_256", "GenerateMac"), ("RSA_2048", "GetPublicKey")])
@pytest.mark.parametrize(
    ("code", "is_a_failure"),
    [
        ("AccessDeniedException", False),
        ("DisabledException", False),
        ("KMSInvalidStateException", False),
        ("KMSInternalException", True),
        ("ThrottlingException", True),
        ("NotFoundException", True),
    ],
)
def test_a_refused_proof_is_no_proof(spec, operation, code, is_a_failure):
    kms = FakeConnection(**{operation: kms_error(code)})
    if is_a_failure:
        with pytest.raises(AnsibleKMSError):
            find_evidence(kms, request(), key(key_spec=spec), secret_for(spec))
    else:
        assert find_evidence(kms, request(), key(key_spec=spec), secret_for(spec)) == NO_EVIDENCE


# -- what a bundle says ------------------------------------------------------------------------------------------------


def claiming(mark: str | None) -> Prepared:
    wrapping = ("RSAES_OAEP_SHA_256", "RSA_4096")
    return Prepared(ARN, "SYMMETRIC_DEFAULT", Wrapped(b"blob", b"token"), wrapping, claims=Claims(mark))


def unproved(key_material_id: str | None = None, mark: str | None = OWN_MARK) -> Evidence:
    return Evidence("unknown", None, key_material_id, mark, reads_every_mark=False)


NAMED = Evidence("match", "key_material_id", A, OWN_MARK, reads_every_mark=False)


@pytest.mark.parametrize(
    ("options", "found", "mark", "evidence"),
    [
        ({}, empty(), OWN_MARK, unproved()),
        ({}, key(material(description=own)), OWN_MARK, MATCHED),
        ({}, pending(gone(material(description=own))), OWN_MARK, MATCHED),
        ({"state": "current"}, key(material(description=own)), OWN_MARK, MATCHED),
        # KMS compares what it does not show: the mark may be one of a token, and the claim may be missing.
        ({}, key(material(description=other)), OWN_MARK, unproved()),
        ({}, key(material()), OWN_MARK, unproved()),
        ({}, key(material(description=own)), None, unproved(mark=None)),
        # What a file says proves nothing before a deletion, or before a rotation to what is staged.
        ({"state": "reimported"}, key(material(description=own)), OWN_MARK, unproved(A)),
        ({"state": "current"}, key(material(B), staged(A, description=own)), OWN_MARK, unproved(A)),
        ({"key_material_id": A}, key(material(description=own)), OWN_MARK, NAMED),
        ({"key_material_id": A, "state": "reimported"}, key(material(description=own)), OWN_MARK, NAMED),
    ],
)
def test_what_a_bundle_says_of_symmetric_material(options, found, mark, evidence):
    assert claimed_symmetric(request(**{"state": "present", **options}), found, claiming(mark)) == evidence


def test_a_material_that_the_key_never_had_is_refused_for_a_bundle():
    with pytest.raises(AnsibleKMSError, match="was never imported"):
        claimed_symmetric(request(state="present", key_material_id=B), key(material()), claiming(OWN_MARK))

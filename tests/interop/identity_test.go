package interop

import (
	"bytes"
	"testing"
)

func TestIdentities(t *testing.T) {
	var vectors struct {
		Valid       []struct{ Seed, PublicKey, SigningKey hexBytes }
		Shared      []struct{ A, B, Shared hexBytes }
		SigningKeys []struct {
			Name                  string
			PublicKey, SigningKey hexBytes
			Belongs               bool
		}
		Invalid      []struct{ Name, Address, Failure string }
		Fingerprints []struct {
			Addresses   [2]hexBytes
			Fingerprint string
		}
		Urls        []struct{ URL, Relay, Address, Resource string }
		InvalidUrls []struct{ Name, URL string }
	}
	load(t, "identities.json", &vectors)
	for _, v := range vectors.Valid {
		identity := NewIdentity(Key(v.Seed))
		equal(t, "publicKey", identity.Public[:], v.PublicKey)
		equal(t, "signingKey", identity.Signing[:], v.SigningKey)
		if address, err := ParseAddress(identity.Public.String()); err != nil || address != identity.Public {
			t.Error("its own address does not parse")
		}
	}
	for _, v := range vectors.Shared {
		a, b := NewIdentity(Key(v.A)), NewIdentity(Key(v.B))
		shared, _ := a.DH(b.Public[:])
		equal(t, "shared", shared, v.Shared)
	}
	for _, v := range vectors.SigningKeys {
		if BelongsTo(v.PublicKey, v.SigningKey) != v.Belongs {
			t.Error(v.Name)
		}
	}
	for _, v := range vectors.Invalid {
		_, err := ParseAddress(v.Address)
		if failure, ok := err.(*Failure); !ok || failure.Code != v.Failure {
			t.Errorf("%s: %v, want %s", v.Name, err, v.Failure)
		}
	}
	for _, v := range vectors.Fingerprints {
		if got := Fingerprint(Key(v.Addresses[0]), Key(v.Addresses[1])); got != v.Fingerprint {
			t.Errorf("fingerprint %s, want %s", got, v.Fingerprint)
		}
	}
	for _, v := range vectors.Urls {
		relay, peer, resource, err := ParseURL(v.URL)
		if err != nil || relay != v.Relay || peer.String() != v.Address || resource != v.Resource {
			t.Errorf("%s: %s, %s, %s, %v", v.URL, relay, peer, resource, err)
		}
	}
	for _, v := range vectors.InvalidUrls {
		if _, _, _, err := ParseURL(v.URL); err == nil {
			t.Errorf("%s is taken", v.Name)
		}
	}
	if len(vectors.Fingerprints) == 0 || len(vectors.Urls) == 0 || len(vectors.InvalidUrls) == 0 {
		t.Error("no fingerprints or URLs")
	}
}

func TestSignatures(t *testing.T) {
	var vectors struct {
		Application []struct {
			Seed, Bytes, Message, Signature hexBytes
			Context                         string
		}
		Verify []struct {
			Name                           string
			SigningKey, Message, Signature hexBytes
			Valid                          bool
		}
	}
	load(t, "signatures.json", &vectors)
	for _, v := range vectors.Application {
		equal(t, "message", applicationMessage(v.Context, v.Bytes), v.Message)
		equal(t, "signature", NewIdentity(Key(v.Seed)).Sign(v.Context, v.Bytes), v.Signature)
	}
	for _, v := range vectors.Verify {
		if Verify(v.SigningKey, v.Message, v.Signature) != v.Valid {
			t.Error(v.Name)
		}
	}
}

func TestPrimitives(t *testing.T) {
	var vectors struct {
		X25519 []struct {
			Name                      string
			Secret, PublicKey, Shared hexBytes
		}
		Hkdf []struct {
			Salt, Ikm, Info, Okm hexBytes
			Length               int
		}
		Secretbox struct {
			Seal    []struct{ Key, Nonce, Plaintext, Box hexBytes }
			Invalid []struct {
				Name            string
				Key, Nonce, Box hexBytes
			}
		}
		Kem struct {
			Seed, EncapsulationKey, Ciphertext, SharedSecret, AlteredCiphertext, AlteredSecret, RefusedEncapsulationKey hexBytes
		}
	}
	load(t, "primitives.json", &vectors)
	for _, v := range vectors.X25519 {
		shared, ok := dh(newPrivate(v.Secret), v.PublicKey)
		if zero := make([]byte, 32); bytes.Equal(v.Shared, zero) {
			if ok {
				t.Error(v.Name, "is of low order")
			}
		} else {
			equal(t, v.Name, shared, v.Shared)
		}
	}
	for _, v := range vectors.Hkdf {
		equal(t, "okm", kdf(v.Salt, v.Ikm, string(v.Info), v.Length), v.Okm)
	}
	for _, v := range vectors.Secretbox.Seal {
		equal(t, "box", seal(Key(v.Key), [24]byte(v.Nonce), v.Plaintext), v.Box)
		plaintext, ok := open(Key(v.Key), [24]byte(v.Nonce), v.Box)
		if !ok || !bytes.Equal(plaintext, v.Plaintext) {
			t.Error("a box does not open")
		}
	}
	for _, v := range vectors.Secretbox.Invalid {
		if _, ok := open(Key(v.Key), [24]byte(v.Nonce), v.Box); ok {
			t.Error(v.Name, "opens")
		}
	}
	kemVectors(t, vectors.Kem.Seed, vectors.Kem.EncapsulationKey, [2][2][]byte{
		{vectors.Kem.Ciphertext, vectors.Kem.SharedSecret}, {vectors.Kem.AlteredCiphertext, vectors.Kem.AlteredSecret}})
	if _, _, ok := (&Responder{ek: vectors.Kem.RefusedEncapsulationKey}).Encapsulate(); ok {
		t.Error("an encapsulation key that fails the input check is taken")
	}
}

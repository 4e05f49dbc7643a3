package interop

import (
	"crypto/mlkem"
	"testing"
)

// kemVectors checks the key of a seed, and what ciphertexts give under it.
func kemVectors(t *testing.T, seed, ek []byte, ciphertexts [2][2][]byte) {
	t.Helper()
	dk, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "encapsulation key", dk.EncapsulationKey().Bytes(), ek)
	for _, pair := range ciphertexts {
		secret, err := dk.Decapsulate(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "shared secret", secret, pair[1])
	}
}

// Package interop is the client's side of SWS in Go, written from PROTOCOL.md alone. It exists to show that PROTOCOL.md
// is enough: go test checks every vector, and cmd/sws-peer talks to a TypeScript peer through a relay.
package interop

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"
)

// Key is a public key or a seed: 32 raw bytes.
type Key [32]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Failure is a row of PROTOCOL.md's table of failures, and a sentence.
type Failure struct {
	Code   string
	Detail string
}

func (f *Failure) Error() string { return f.Code + ": " + f.Detail }

func fail(code, format string, args ...any) *Failure {
	return &Failure{code, fmt.Sprintf(format, args...)}
}

var (
	one    = big.NewInt(1)
	fieldP = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	orderL = bigOf("7237005577332262213973186563042994240857116359379907606001950938285454250989")
	// The u-coordinates of low order, and the y-coordinates of small order.
	lowOrderU   = []*big.Int{big.NewInt(0), one, minusOne(), bigOf("325606250916557431795983626356110631294008115727848805560023387167927233504"), bigOf("39382357235489614581723060781553021112529911719440698176882885853963445705823")}
	order8Y     = bigOf("2707385501144840649318225287225658788936804267575313519463743609750303402022")
	smallOrderY = []*big.Int{big.NewInt(0), one, minusOne(), order8Y, new(big.Int).Sub(fieldP, order8Y)}
)

func minusOne() *big.Int { return new(big.Int).Sub(fieldP, one) }

func bigOf(digits string) *big.Int {
	value, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		panic("not a number: " + digits)
	}
	return value
}

func littleEndian(bytes []byte) *big.Int {
	reversed := slices.Clone(bytes)
	slices.Reverse(reversed)
	return new(big.Int).SetBytes(reversed)
}

func isOneOf(value *big.Int, list []*big.Int) bool {
	return slices.ContainsFunc(list, func(other *big.Int) bool { return value.Cmp(other) == 0 })
}

// Identity is a seed and the two key pairs that it gives (section 1).
type Identity struct {
	Seed    Key
	Public  Key
	Signing Key
	secret  *ecdh.PrivateKey
	signer  ed25519.PrivateKey
}

// NewIdentity derives an identity.
func NewIdentity(seed Key) *Identity {
	hash := sha512.Sum512(seed[:])
	secret, err := ecdh.X25519().NewPrivateKey(hash[:32]) // clamps
	if err != nil {
		panic(err) // 32 bytes are always a key
	}
	signer := ed25519.NewKeyFromSeed(seed[:])
	return &Identity{
		Seed:    seed,
		Public:  Key(secret.PublicKey().Bytes()),
		Signing: Key(signer.Public().(ed25519.PublicKey)),
		secret:  secret,
		signer:  signer,
	}
}

// DH is X25519 with the static secret; ok is false for an all-zero result.
func (id *Identity) DH(public []byte) (shared []byte, ok bool) { return dh(id.secret, public) }

func dh(secret *ecdh.PrivateKey, public []byte) ([]byte, bool) {
	key, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, false
	}
	shared, err := secret.ECDH(key)
	return shared, err == nil
}

// Sign signs for an application: its signature can never be a registration.
func (id *Identity) Sign(context string, content []byte) []byte {
	return ed25519.Sign(id.signer, applicationMessage(context, content))
}

func applicationMessage(context string, content []byte) []byte {
	message := binary.BigEndian.AppendUint16([]byte("sws/1 app\x00"), uint16(len(context)))
	return append(append(message, context...), content...)
}

// ParseAddress reads an address; every address has one spelling.
func ParseAddress(text string) (Key, error) {
	bytes, ok := unhex(text, 32)
	if !ok {
		return Key{}, fail("invalid-address", "an address is 64 lowercase hex digits")
	}
	u := littleEndian(bytes)
	if u.Cmp(fieldP) >= 0 {
		return Key{}, fail("invalid-address", "an address is a number below 2^255 - 19")
	}
	if isOneOf(u, lowOrderU) {
		return Key{}, fail("low-order-key", "a key of low order")
	}
	return Key(bytes), nil
}

// Fingerprint is what two people read to each other to compare two addresses.
func Fingerprint(a, b Key) string {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	hash := sha([]byte("sws/1 fingerprint\x00"), a[:], b[:])
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%05d", binary.BigEndian.Uint64(hash[8*i:])%100_000)
	}
	return strings.Join(groups, " ")
}

// unhex reads lowercase hex of so many bytes.
func unhex(text string, length int) ([]byte, bool) {
	bytes, err := hex.DecodeString(text)
	return bytes, err == nil && len(bytes) == length && hex.EncodeToString(bytes) == text
}

// soundPoint says whether 32 bytes are a canonical y that is not of small order.
func soundPoint(bytes []byte) (y *big.Int, ok bool) {
	masked := slices.Clone(bytes)
	masked[31] &= 0x7f
	y = littleEndian(masked)
	return y, y.Cmp(fieldP) < 0 && !isOneOf(y, smallOrderY)
}

// BelongsTo says whether the map takes a signing key to an address: u (1 - y) = 1 + y.
func BelongsTo(public, signing []byte) bool {
	y, ok := soundPoint(signing)
	u := littleEndian(public)
	if !ok || u.Cmp(fieldP) >= 0 {
		return false
	}
	left := new(big.Int).Mul(u, new(big.Int).Sub(one, y))
	difference := left.Sub(left, new(big.Int).Add(one, y))
	return difference.Mod(difference, fieldP).Sign() == 0
}

// Verify verifies an Ed25519 signature, with the checks that come before any library's.
func Verify(signing, message, signature []byte) bool {
	if len(signing) != 32 || len(signature) != 64 || littleEndian(signature[32:]).Cmp(orderL) >= 0 {
		return false
	}
	if _, ok := soundPoint(signing); !ok {
		return false
	}
	if _, ok := soundPoint(signature[:32]); !ok {
		return false
	}
	return ed25519.Verify(signing, message, signature)
}

func sha(parts ...[]byte) []byte {
	hash := sha512.New()
	for _, part := range parts {
		hash.Write(part)
	}
	return hash.Sum(nil)
}

func kdf(salt, ikm []byte, info string, length int) []byte {
	okm, err := hkdf.Key(sha512.New, ikm, salt, info, length)
	if err != nil {
		panic(err) // only for lengths that are never asked for
	}
	return okm
}

func seal(key Key, nonce [24]byte, plaintext []byte) []byte {
	return secretbox.Seal(nil, plaintext, &nonce, (*[32]byte)(&key))
}

func open(key Key, nonce [24]byte, box []byte) ([]byte, bool) {
	return secretbox.Open(nil, box, &nonce, (*[32]byte)(&key))
}

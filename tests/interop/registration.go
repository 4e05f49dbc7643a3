package interop

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
)

// closeCodes says what failure a relay's close code stands for, and whether a client connects again.
var closeCodes = map[int64]struct {
	failure    string
	reconnects bool
}{
	1000: {"normal", false}, 1001: {"going-away", true}, 1009: {"message-too-large", true}, 1012: {"restarting", true}, 1013: {"try-again-later", true},
	4400: {"bad-frame", false}, 4401: {"registration-refused", false}, 4403: {"forbidden", false}, 4408: {"registration-timeout", true},
	4409: {"replaced", false}, 4410: {"term-refused", true}, 4429: {"rate-limited", true},
}

func failureOf(code int64) string {
	if row, ok := closeCodes[code]; ok {
		return row.failure
	}
	return "connection-lost"
}

// Facts are what a registration signs.
type Facts struct {
	Nonce, ServerKey, PublicKey, SigningKey, ClientNonce []byte
	Host, Token                                          string
	LastTerm                                             int64
}

// RegisterMessage is what the client signs.
func RegisterMessage(facts Facts) []byte {
	message := []byte("sws/1 register\x00")
	for _, part := range [][]byte{facts.Nonce, facts.ServerKey, facts.PublicKey, facts.SigningKey, facts.ClientNonce} {
		message = append(message, part...)
	}
	message = append(binary.BigEndian.AppendUint16(message, uint16(len(facts.Host))), facts.Host...)
	message = append(binary.BigEndian.AppendUint16(message, uint16(len(facts.Token))), facts.Token...)
	return binary.BigEndian.AppendUint64(message, uint64(facts.LastTerm))
}

// RegisteredMessage is what the relay signs in answer.
func RegisteredMessage(register, signedNonce []byte, term int64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte("sws/1 registered\x00"), sha(register, signedNonce)...), uint64(term))
}

// Registration is the client's side of section 2.
type Registration struct {
	Identity    *Identity
	Host        string
	Encoding    string
	LastTerm    int64
	ClientNonce []byte
	// Token is sent if it is not nil; Pinned is the serverKey that alone is accepted, if not empty.
	Token     *string
	Pinned    string
	serverKey []byte
	// What was signed, and the signature; nil before the CHALLENGE.
	register, signed []byte
}

// Receive takes a text frame from the relay: the frame to answer with, or the success, or the failure that ends it.
func (r *Registration) Receive(text string) (answer, success Frame, failure *Failure) {
	frame, failure := DecodeRelayFrame(text)
	if failure != nil {
		return nil, nil, failure
	}
	switch frame.Type() {
	case "UNKNOWN":
		return nil, nil, nil
	case "CHALLENGE":
		return r.answer(frame)
	case "REGISTER_SUCCESS":
		if r.register == nil || frame.text("publicKey") != r.Identity.Public.String() {
			return nil, nil, fail("bad-frame", "REGISTER_SUCCESS out of turn or for another key")
		}
		if !Verify(r.serverKey, RegisteredMessage(r.register, r.signed, frame.int("term")), frame.bytes("signature")) {
			return nil, nil, fail("wrong-server-key", "the relay's signature does not verify")
		}
		return nil, frame, nil
	case "REGISTER_FAILURE", "ERROR":
		return nil, nil, fail(failureOf(frame.int("code")), "the relay refused: %s", frame.text("reason"))
	default:
		return nil, nil, fail("bad-frame", "%s before registration", frame.Type())
	}
}

func (r *Registration) answer(challenge Frame) (Frame, Frame, *Failure) {
	if r.register != nil {
		return nil, nil, fail("bad-frame", "a second CHALLENGE")
	}
	if r.Pinned != "" && r.Pinned != challenge.text("serverKey") {
		return nil, nil, fail("wrong-server-key", "not the pinned relay")
	}
	facts := Facts{Nonce: challenge.bytes("nonce"), ServerKey: challenge.bytes("serverKey"), PublicKey: r.Identity.Public[:], SigningKey: r.Identity.Signing[:],
		ClientNonce: r.ClientNonce, Host: r.Host, LastTerm: r.LastTerm}
	if r.Token != nil {
		facts.Token = *r.Token
	}
	message := RegisterMessage(facts)
	signed := ed25519.Sign(r.Identity.signer, message)
	r.serverKey, r.register, r.signed = facts.ServerKey, message, signed
	answer := Frame{"type": "CHALLENGE_RESPONSE", "publicKey": r.Identity.Public.String(), "signingKey": r.Identity.Signing.String(), "host": r.Host,
		"clientNonce": hex.EncodeToString(r.ClientNonce), "signedNonce": hex.EncodeToString(signed), "encoding": r.Encoding, "lastTerm": r.LastTerm}
	if r.Token != nil {
		answer["token"] = *r.Token
	}
	return answer, nil, nil
}

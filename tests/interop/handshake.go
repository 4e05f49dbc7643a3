package interop

import (
	"crypto/ecdh"
	"crypto/mlkem"
)

const (
	headLength  = 17
	openBoxAt   = headLength + 32 + mlkem.EncapsulationKeySize768
	acceptBoxAt = headLength + 32 + mlkem.CiphertextSize768
	tagLength   = 16
)

var nonceZero [24]byte

// Initiator is A's handshake (section 4, Handshake).
type Initiator struct {
	// Frame is the OPEN, sealed once.
	Frame      []byte
	identity   *Identity
	peer       Key
	channelID  [16]byte
	ea         *ecdh.PrivateKey
	dk         *mlkem.DecapsulationKey768
	es, ss, h2 []byte
}

// NewInitiator seals OPEN. ea and kemSeed (32 and 64 bytes) are drawn at random but for vectors.
func NewInitiator(identity *Identity, peer Key, channelID [16]byte, ea, kemSeed, payload []byte) (*Initiator, bool) {
	h := &Initiator{identity: identity, peer: peer, channelID: channelID, ea: newPrivate(ea)}
	dk, err := mlkem.NewDecapsulationKey768(kemSeed)
	if err != nil {
		return nil, false
	}
	h.dk = dk
	var ok1, ok2 bool
	h.es, ok1 = dh(h.ea, peer[:])
	h.ss, ok2 = identity.DH(peer[:])
	if !ok1 || !ok2 {
		return nil, false
	}
	public, ek := h.ea.PublicKey().Bytes(), dk.EncapsulationKey().Bytes()
	h1 := sha(transcriptStart(identity.Public, peer, channelID), public, ek)
	k1 := Key(kdf(h1, concat(h.es, h.ss), "open", 32))
	box := seal(k1, nonceZero, payload)
	h.h2 = sha(h1, box)
	h.Frame = concat([]byte{1}, channelID[:], public, ek, box)
	return h, true
}

func transcriptStart(a, b Key, channelID [16]byte) []byte {
	return sha([]byte("sws/1 channel\x00"), a[:], b[:], channelID[:])
}

// ReceiveAccept opens an ACCEPT.
func (h *Initiator) ReceiveAccept(frame []byte) (*Keys, AcceptPayload, bool) {
	if !plausible(frame, acceptBoxAt) {
		return nil, AcceptPayload{}, false
	}
	public, ct, box := frame[headLength:headLength+32], frame[headLength+32:acceptBoxAt], frame[acceptBoxAt:]
	ee, ok1 := dh(h.ea, public)
	se, ok2 := h.identity.DH(public)
	secret, err := h.dk.Decapsulate(ct)
	if !ok1 || !ok2 || err != nil {
		return nil, AcceptPayload{}, false
	}
	h3 := sha(h.h2, public, ct)
	ikm := concat(h.es, h.ss, ee, se, secret)
	plaintext, ok := open(Key(kdf(h3, ikm, "accept", 32)), nonceZero, box)
	if !ok {
		return nil, AcceptPayload{}, false
	}
	payload, ok := DecodeAcceptPayload(plaintext)
	if !ok {
		return nil, AcceptPayload{}, false
	}
	return newKeys(h.identity, h.peer, h.channelID, true, sha(h3, box), ikm), payload, true
}

// Responder is B's handshake, from an OPEN that opened.
type Responder struct {
	Payload    OpenPayload
	identity   *Identity
	peer       Key
	channelID  [16]byte
	theirs, ek []byte
	es, ss, h2 []byte
}

// ReceiveOpen opens an OPEN.
func ReceiveOpen(identity *Identity, peer Key, frame []byte) (*Responder, bool) {
	if !plausible(frame, openBoxAt) {
		return nil, false
	}
	r := &Responder{identity: identity, peer: peer, channelID: [16]byte(frame[1:headLength]), theirs: frame[headLength : headLength+32], ek: frame[headLength+32 : openBoxAt]}
	box := frame[openBoxAt:]
	var ok1, ok2 bool
	r.es, ok1 = identity.DH(r.theirs)
	r.ss, ok2 = identity.DH(peer[:])
	if !ok1 || !ok2 {
		return nil, false
	}
	h1 := sha(transcriptStart(peer, identity.Public, r.channelID), r.theirs, r.ek)
	plaintext, ok := open(Key(kdf(h1, concat(r.es, r.ss), "open", 32)), nonceZero, box)
	if !ok {
		return nil, false
	}
	r.h2 = sha(h1, box)
	r.Payload, ok = DecodeOpenPayload(plaintext)
	return r, ok
}

// plausible says whether a frame's box can hold a payload.
func plausible(frame []byte, boxAt int) bool {
	box := len(frame) - boxAt - tagLength
	return box >= minPayload && box <= maxPayload
}

// Encapsulate is the library's own, with its own randomness; ok is false if ek fails its input check.
func (r *Responder) Encapsulate() (ct, secret []byte, ok bool) {
	ek, err := mlkem.NewEncapsulationKey768(r.ek)
	if err != nil {
		return nil, nil, false
	}
	secret, ct = ek.Encapsulate()
	return ct, secret, true
}

// Accept seals the one ACCEPT. eb, ct and secret are fresh but for vectors.
func (r *Responder) Accept(eb, ct, secret, payload []byte) (frame []byte, keys *Keys, ok bool) {
	own := newPrivate(eb)
	ee, ok1 := dh(own, r.theirs)
	se, ok2 := dh(own, r.peer[:])
	if !ok1 || !ok2 {
		return nil, nil, false
	}
	public := own.PublicKey().Bytes()
	h3 := sha(r.h2, public, ct)
	ikm := concat(r.es, r.ss, ee, se, secret)
	box := seal(Key(kdf(h3, ikm, "accept", 32)), nonceZero, payload)
	keys = newKeys(r.identity, r.peer, r.channelID, false, sha(h3, box), ikm)
	return concat([]byte{2}, r.channelID[:], public, ct, box), keys, true
}

package interop

import "encoding/binary"

const resetLength = headLength + 24 + 34 + tagLength

// resetFailures says what a RESET's code means to its receiver.
var resetFailures = map[uint16]string{1: "unknown-channel", 2: "refused", 3: "over-limits"}

func echoOf(content []byte) [32]byte { return [32]byte(sha(content)[:32]) }

func resetKey(ss []byte, sender, receiver Key, channelID []byte) Key {
	return Key(kdf([]byte("sws/1 reset"), ss, string(concat(sender[:], receiver[:], channelID)), 32))
}

// SealReset answers a frame that this end will not have.
func SealReset(identity *Identity, peer Key, code uint16, provoking []byte, nonce [24]byte) ([]byte, bool) {
	ss, ok := identity.DH(peer[:])
	if !ok {
		return nil, false
	}
	channelID := provoking[1:headLength]
	echo := echoOf(provoking)
	plaintext := append(binary.BigEndian.AppendUint16(nil, code), echo[:]...)
	box := seal(resetKey(ss, identity.Public, peer, channelID), nonce, plaintext)
	return concat([]byte{5}, channelID, nonce[:], box), true
}

// OpenReset opens a RESET from peer. Whether its echo counts is for the channel to say.
func OpenReset(identity *Identity, peer Key, frame []byte) (code uint16, echo [32]byte, ok bool) {
	if len(frame) != resetLength {
		return 0, echo, false
	}
	ss, ok := identity.DH(peer[:])
	if !ok {
		return 0, echo, false
	}
	plaintext, ok := open(resetKey(ss, peer, identity.Public, frame[1:headLength]), [24]byte(frame[headLength:headLength+24]), frame[headLength+24:])
	if !ok || len(plaintext) != 34 {
		return 0, echo, false
	}
	code = binary.BigEndian.Uint16(plaintext)
	_, known := resetFailures[code]
	return code, [32]byte(plaintext[2:]), known
}

package interop

import "encoding/binary"

// A frame's name: its kind, its place (12 bytes) and the first 16 bytes of its box.
type frameName [1 + 12 + tagLength]byte

const (
	resetPlaintext = 2 + len(frameName{})
	resetLength    = headLength + 24 + resetPlaintext + tagLength
)

// resetFailures says what a RESET's code means to its receiver.
var resetFailures = map[uint16]string{1: "unknown-channel", 2: "refused", 3: "over-limits"}

// nameOf is the name of a frame that is not RESET; of one too short to have a box, zeros.
func nameOf(frame []byte) (name frameName) {
	boxAt := map[byte]int{1: openBoxAt, 2: acceptBoxAt, 3: headLength + 8, 4: headLength + 12}[frame[0]]
	if boxAt == 0 || len(frame) < boxAt+tagLength {
		return name
	}
	name[0] = frame[0]
	if frame[0] >= 3 {
		copy(name[1:], frame[headLength:boxAt])
	}
	copy(name[13:], frame[boxAt:boxAt+tagLength])
	return name
}

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
	name := nameOf(provoking)
	if name[0] == 0 {
		return nil, false
	}
	plaintext := append(binary.BigEndian.AppendUint16(nil, code), name[:]...)
	box := seal(resetKey(ss, identity.Public, peer, channelID), nonce, plaintext)
	return concat([]byte{5}, channelID, nonce[:], box), true
}

// OpenReset opens a RESET from peer. Whether the frame that it names is pending is for the channel to say.
func OpenReset(identity *Identity, peer Key, frame []byte) (code uint16, name frameName, ok bool) {
	if len(frame) != resetLength {
		return 0, name, false
	}
	ss, ok := identity.DH(peer[:])
	if !ok {
		return 0, name, false
	}
	plaintext, ok := open(resetKey(ss, peer, identity.Public, frame[1:headLength]), [24]byte(frame[headLength:headLength+24]), frame[headLength+24:])
	if !ok || len(plaintext) != resetPlaintext {
		return 0, name, false
	}
	code = binary.BigEndian.Uint16(plaintext)
	_, known := resetFailures[code]
	return code, frameName(plaintext[2:]), known
}

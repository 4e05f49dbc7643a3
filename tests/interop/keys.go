package interop

import (
	"crypto/ecdh"
	"encoding/binary"
)

// epochKeys are the five keys of one epoch.
type epochKeys struct{ root, dataAB, dataBA, controlAB, controlBA Key }

func deriveFive(salt, ikm []byte, info string) epochKeys {
	okm := kdf(salt, ikm, info, 160)
	return epochKeys{Key(okm[:32]), Key(okm[32:64]), Key(okm[64:96]), Key(okm[96:128]), Key(okm[128:160])}
}

// Keys are the keys of one channel (section 4, Handshake and Rekey).
type Keys struct {
	identity   *Identity
	peer       Key
	channelID  [16]byte
	initiator  bool
	transcript []byte
	root       Key
	// The present data keys and what they have sealed and opened.
	send, receive            Key
	sealedFrames, openedData uint64
	// Control keys of the present epoch.
	sendControl    Key
	receiveControl Key
	epoch          uint32
	counter        uint64
	lastEpoch      uint32
	lastCounter    int64
	// While a rekey is under way; ahead once CONTROL is already under the next keys.
	ephemeral *ecdh.PrivateKey
	next      *epochKeys
	ahead     bool
}

func newKeys(identity *Identity, peer Key, channelID [16]byte, initiator bool, h4, ikm []byte) *Keys {
	keys := &Keys{identity: identity, peer: peer, channelID: channelID, initiator: initiator, transcript: h4, lastCounter: -1}
	five := deriveFive(h4, ikm, "channel")
	keys.root = five.root
	keys.send, keys.receive, keys.sendControl, keys.receiveControl = keys.mine(five)
	return keys
}

// mine sorts an epoch's keys by direction: data and control to seal with, data and control to open with.
func (k *Keys) mine(five epochKeys) (send, receive, sendControl, receiveControl Key) {
	if k.initiator {
		return five.dataAB, five.dataBA, five.controlAB, five.controlBA
	}
	return five.dataBA, five.dataAB, five.controlBA, five.controlAB
}

func (k *Keys) head(kind byte) []byte { return append([]byte{kind}, k.channelID[:]...) }

func dataNonce(seq uint64) (nonce [24]byte) {
	binary.BigEndian.PutUint64(nonce[16:], seq)
	return nonce
}

func controlNonce(epoch uint32, counter uint64) (nonce [24]byte) {
	binary.BigEndian.PutUint32(nonce[12:], epoch)
	binary.BigEndian.PutUint64(nonce[16:], counter)
	return nonce
}

// SealData is a whole DATA frame.
func (k *Keys) SealData(seq uint64, plaintext []byte) []byte {
	k.sealedFrames++
	frame := binary.BigEndian.AppendUint64(k.head(3), seq)
	return append(frame, seal(k.send, dataNonce(seq), plaintext)...)
}

// OpenData opens the box of DATA seq.
func (k *Keys) OpenData(seq uint64, box []byte) ([]byte, bool) {
	plaintext, ok := open(k.receive, dataNonce(seq), box)
	if ok {
		k.openedData++
	}
	return plaintext, ok
}

// SealControl is a whole CONTROL frame.
func (k *Keys) SealControl(plaintext []byte) []byte {
	frame := binary.BigEndian.AppendUint32(k.head(4), k.epoch)
	frame = binary.BigEndian.AppendUint64(frame, k.counter)
	frame = append(frame, seal(k.sendControl, controlNonce(k.epoch, k.counter), plaintext)...)
	k.counter++
	return frame
}

// OpenControl opens a CONTROL that is newer than the last. A responder that opens one under the next keys knows that the
// initiator has completed the rekey: CONTROL is under them from there.
func (k *Keys) OpenControl(epoch uint32, counter uint64, box []byte) ([]byte, bool) {
	if epoch < k.lastEpoch || epoch == k.lastEpoch && int64(counter) <= k.lastCounter {
		return nil, false
	}
	key := k.receiveControl
	next := epoch == k.epoch+1 && !k.initiator && k.next != nil && !k.ahead
	if next {
		_, _, _, key = k.mine(*k.next)
	} else if epoch != k.epoch {
		return nil, false
	}
	plaintext, ok := open(key, controlNonce(epoch, counter), box)
	if !ok {
		return nil, false
	}
	k.lastEpoch, k.lastCounter = epoch, int64(counter)
	if next {
		k.advanceControl()
	}
	return plaintext, true
}

// Confirmed says whether a CONTROL under the present keys has opened.
func (k *Keys) Confirmed() bool { return k.lastEpoch == k.epoch && k.lastCounter >= 0 }

// StartRekey is the initiator's: the 32 bytes of its rekey.
func (k *Keys) StartRekey(secret []byte) []byte {
	k.ephemeral = newPrivate(secret)
	return k.ephemeral.PublicKey().Bytes()
}

// AnswerRekey is the responder's: the 32 bytes of its answer. SwitchSend is to follow once that is sealed.
func (k *Keys) AnswerRekey(theirs, secret []byte) ([]byte, bool) {
	own := newPrivate(secret)
	public := own.PublicKey().Bytes()
	return public, k.mix(own, theirs, theirs, public)
}

// FinishRekey is the initiator's, on the answer: DATA from here opens under the new key. SwitchSend and Complete are to
// follow once rekeyed is sealed.
func (k *Keys) FinishRekey(theirs []byte) bool {
	own := k.ephemeral
	if own == nil {
		return false
	}
	k.ephemeral = nil
	if !k.mix(own, theirs, own.PublicKey().Bytes(), theirs) {
		return false
	}
	k.SwitchReceive()
	return true
}

// SwitchSend has DATA sealed under the next key.
func (k *Keys) SwitchSend() {
	k.send, _, _, _ = k.mine(*k.next)
	k.sealedFrames = 0
}

// SwitchReceive has DATA opened under the next key.
func (k *Keys) SwitchReceive() {
	_, k.receive, _, _ = k.mine(*k.next)
	k.openedData = 0
}

// Complete has CONTROL sealed and opened under the next keys alone: the rekey is over on this end.
func (k *Keys) Complete() {
	if !k.ahead {
		k.advanceControl()
	}
	k.next, k.ahead = nil, false
}

func (k *Keys) advanceControl() {
	_, _, k.sendControl, k.receiveControl = k.mine(*k.next)
	k.ahead = true
	k.epoch++
	k.counter = 0
}

func (k *Keys) mix(own *ecdh.PrivateKey, theirs, ea, eb []byte) bool {
	ee, ok1 := dh(own, theirs)
	es, ok2 := dh(own, k.peer[:])
	se, ok3 := k.identity.DH(theirs)
	if !ok1 || !ok2 || !ok3 {
		return false
	}
	if !k.initiator {
		es, se = se, es
	}
	k.transcript = sha(k.transcript, ea, eb)
	five := deriveFive(k.root[:], concat(ee, es, se), "rekey"+string(k.transcript))
	k.root = five.root
	k.next = &five
	return true
}

func newPrivate(secret []byte) *ecdh.PrivateKey {
	key, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		panic(err) // 32 bytes are always a key
	}
	return key
}

func concat(parts ...[]byte) []byte {
	var all []byte
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

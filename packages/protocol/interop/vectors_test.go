package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// load reads a vector file into value.
func load(t *testing.T, name string, value any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, value); err != nil {
		t.Fatal(name, err)
	}
}

// hexBytes are bytes that a vector writes as hex digits.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(text []byte) error {
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	decoded, err := hex.DecodeString(digits)
	*h = decoded
	return err
}

func (h hexBytes) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(h)) }

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("%s: %d bytes, want %d; they differ from byte %d: %.32x, want %.32x", what, len(got), len(want), at, got[at:], want[at:])
	}
}

func codeOf(failure *Failure) string {
	if failure == nil {
		return "no failure"
	}
	return failure.Code
}

func TestIdentities(t *testing.T) {
	var vectors struct {
		Valid       []struct{ Seed, PublicKey, SigningKey hexBytes }
		Shared      []struct{ A, B, Shared hexBytes }
		SigningKeys []struct {
			Name                  string
			PublicKey, SigningKey hexBytes
			Belongs               bool
		}
		Invalid []struct{ Name, Address, Failure string }
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

func TestRegistration(t *testing.T) {
	type transcript struct {
		Name                                                string
		ClientSeed, RelaySeed, Nonce, ClientNonce, Register hexBytes
		Registered, SignedNonce                             hexBytes
		Host, Encoding, Challenge, Response, Success        string
		Token                                               *string
		LastTerm                                            int64
	}
	var vectors struct {
		Valid []transcript
		Relay struct {
			RelaySeed, Nonce hexBytes
			Hosts            []string
			Accepted         []struct{ Name, Response string }
			Refused          []struct {
				Name, Response, Failure string
				CloseCode               int64
			}
		}
		Client struct {
			ClientSeed, ClientNonce hexBytes
			Host, Encoding          string
			LastTerm                int64
			Accepted                []struct {
				Name, Pinned string
				Frames       []string
			}
			Refused []struct {
				Name, Pinned, Failure string
				Frames                []string
				Answers               int
			}
		}
		Hosts []struct {
			Dialled string
			Host    *string
		}
	}
	load(t, "registration.json", &vectors)
	for _, v := range vectors.Valid {
		r := &Registration{Identity: NewIdentity(Key(v.ClientSeed)), Host: v.Host, Encoding: v.Encoding, LastTerm: v.LastTerm, ClientNonce: v.ClientNonce, Token: v.Token}
		answer, _, failure := r.Receive(v.Challenge)
		if failure != nil || !sameJSON(t, answer.Encode(), v.Response) {
			t.Errorf("%s: answers %v %v", v.Name, answer, failure)
		}
		equal(t, "registered", r.registered, v.Registered)
		_, success, failure := r.Receive(v.Success)
		if failure != nil || success.int("term") != v.LastTerm+1 {
			t.Errorf("%s: success is refused: %v", v.Name, failure)
		}
		checked := checkAnswer(NewIdentity(Key(v.RelaySeed)), v.Nonce, []string{v.Host}, v.Response)
		if checked != nil {
			t.Errorf("%s: a relay refuses it: %v", v.Name, checked)
		}
	}
	relay := NewIdentity(Key(vectors.Relay.RelaySeed))
	for _, v := range vectors.Relay.Accepted {
		if failure := checkAnswer(relay, vectors.Relay.Nonce, vectors.Relay.Hosts, v.Response); failure != nil {
			t.Errorf("%s: %v", v.Name, failure)
		}
	}
	for _, v := range vectors.Relay.Refused {
		failure := checkAnswer(relay, vectors.Relay.Nonce, vectors.Relay.Hosts, v.Response)
		if codeOf(failure) != v.Failure || failureOf(v.CloseCode) != v.Failure {
			t.Errorf("%s: %v, want %s", v.Name, failure, v.Failure)
		}
	}
	client := func(pinned string) *Registration {
		c := vectors.Client
		return &Registration{Identity: NewIdentity(Key(c.ClientSeed)), Host: c.Host, Encoding: c.Encoding, LastTerm: c.LastTerm, ClientNonce: c.ClientNonce, Pinned: pinned}
	}
	for _, v := range vectors.Client.Accepted {
		r, registered := client(v.Pinned), false
		for _, text := range v.Frames {
			_, success, failure := r.Receive(text)
			registered = registered || success != nil
			if failure != nil {
				t.Errorf("%s: %v", v.Name, failure)
			}
		}
		if !registered {
			t.Error(v.Name, "is not registered")
		}
	}
	for _, v := range vectors.Client.Refused {
		r, answers, last := client(v.Pinned), 0, (*Failure)(nil)
		for _, text := range v.Frames {
			answer, _, failure := r.Receive(text)
			if answer != nil {
				answers++
			}
			last = failure
		}
		if codeOf(last) != v.Failure || answers != v.Answers {
			t.Errorf("%s: %v after %d answers, want %s after %d", v.Name, last, answers, v.Failure, v.Answers)
		}
	}
	for _, v := range vectors.Hosts {
		if v.Host != nil {
			// A URL cannot be dialled with anything else: those are the parser's to refuse.
			if got := dialledHost("wss://" + v.Dialled + "/"); got != *v.Host {
				t.Errorf("%s: %s, want %s", v.Dialled, got, *v.Host)
			}
		}
	}
}

// checkAnswer is the relay's side, in the order of PROTOCOL.md.
func checkAnswer(relay *Identity, nonce []byte, hosts []string, text string) *Failure {
	if len(text) > 4096 {
		return fail("bad-frame", "too long")
	}
	frame, failure := DecodeClientFrame(text)
	if failure != nil {
		return failure
	}
	if frame.Type() != "CHALLENGE_RESPONSE" {
		return fail("bad-frame", "before registration")
	}
	public, err := ParseAddress(frame.text("publicKey"))
	if err != nil {
		return fail("registration-refused", "publicKey")
	}
	if !contains(hosts, frame.text("host")) {
		return fail("registration-refused", "host")
	}
	signing := frame.bytes("signingKey")
	if !BelongsTo(public[:], signing) {
		return fail("registration-refused", "signingKey")
	}
	message := RegisterMessage(Facts{nonce, relay.Signing[:], public[:], signing, frame.bytes("clientNonce"), frame.text("host"), frame.text("token")})
	if !Verify(signing, message, frame.bytes("signedNonce")) {
		return fail("registration-refused", "signedNonce")
	}
	return nil
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var one, other any
	if json.Unmarshal([]byte(a), &one) != nil || json.Unmarshal([]byte(b), &other) != nil {
		return false
	}
	x, _ := json.Marshal(one)
	y, _ := json.Marshal(other)
	return bytes.Equal(x, y)
}

func TestFrames(t *testing.T) {
	type side struct {
		Valid []struct {
			Name, Text string
			Frame      json.RawMessage
		}
		Invalid []struct{ Name, Text, Failure string }
	}
	var vectors struct {
		Client, Relay side
		Messages      []struct {
			Name               string
			From, To, Content  hexBytes
			ToRelay, FromRelay struct {
				Binary hexBytes
				Json   string
			}
		}
		InvalidBinary []struct {
			Name    string
			Message hexBytes
		}
	}
	load(t, "frames.json", &vectors)
	check := func(side side, decode func(string) (Frame, *Failure)) {
		for _, v := range side.Valid {
			frame, failure := decode(v.Text)
			if failure != nil {
				t.Errorf("%s: %v", v.Name, failure)
				continue
			}
			if content, ok := frame["content"].([]byte); ok {
				frame["content"] = hex.EncodeToString(content)
			}
			if !sameJSON(t, frame.Encode(), string(v.Frame)) {
				t.Errorf("%s: %s, want %s", v.Name, frame.Encode(), v.Frame)
			}
		}
		for _, v := range side.Invalid {
			if _, failure := decode(v.Text); codeOf(failure) != v.Failure {
				t.Errorf("%s: %v, want %s", v.Name, failure, v.Failure)
			}
		}
	}
	check(vectors.Client, DecodeClientFrame)
	check(vectors.Relay, DecodeRelayFrame)
	for _, v := range vectors.Messages {
		equal(t, "to the relay", EncodeMessage(Key(v.To), v.Content), v.ToRelay.Binary)
		from, content, failure := DecodeMessage(v.FromRelay.Binary)
		if failure != nil || !bytes.Equal(from[:], v.From) || !bytes.Equal(content, v.Content) {
			t.Error(v.Name, "binary")
		}
		to := Frame{"type": "MESSAGE", "to": Key(v.To).String(), "content": []byte(v.Content)}
		if !sameJSON(t, to.Encode(), v.ToRelay.Json) {
			t.Error(v.Name, "to the relay, as JSON")
		}
		frame, failure := DecodeRelayFrame(v.FromRelay.Json)
		if failure != nil || !bytes.Equal(frame.bytes("from"), v.From) || !bytes.Equal(frame.bytes("content"), v.Content) {
			t.Error(v.Name, "JSON")
		}
	}
	for _, v := range vectors.InvalidBinary {
		if _, _, failure := DecodeMessage(v.Message); codeOf(failure) != "bad-frame" {
			t.Error(v.Name)
		}
	}
}

func TestPlaintexts(t *testing.T) {
	type payload struct {
		Name      string
		Payload   json.RawMessage
		Plaintext hexBytes
	}
	var vectors struct {
		Padding []struct{ Length, Padme, Padded int }
		Data    struct {
			Valid []struct {
				Name, Padding    string
				Opcode           byte
				Fin              bool
				Bytes, Plaintext hexBytes
			}
			Invalid []struct {
				Name, Failure string
				Plaintext     hexBytes
				Zeros         int
			}
		}
		Control struct {
			Valid []struct {
				Type            byte
				Next, Limit, ID uint64
				Plaintext       hexBytes
			}
			Invalid []struct {
				Name      string
				Plaintext hexBytes
			}
		}
		Payloads struct{ Open, Accept, InvalidOpen, InvalidAccept []payload }
	}
	load(t, "plaintexts.json", &vectors)
	for _, v := range vectors.Padding {
		if Padme(v.Length) != v.Padme || max(32, Padme(v.Length)) != v.Padded {
			t.Errorf("%d bytes: %d, want %d", v.Length, Padme(v.Length), v.Padme)
		}
	}
	for _, v := range vectors.Data.Valid {
		equal(t, v.Name, EncodeData(v.Opcode, v.Fin, v.Bytes, v.Padding == "padme"), v.Plaintext)
		opcode, final, content, failure := DecodeData(v.Plaintext)
		if failure != nil || opcode != v.Opcode || final != v.Fin || !bytes.Equal(content, v.Bytes) {
			t.Error(v.Name, failure)
		}
	}
	for _, v := range vectors.Data.Invalid {
		if _, _, _, failure := DecodeData(append(v.Plaintext, make([]byte, v.Zeros)...)); codeOf(failure) != v.Failure {
			t.Errorf("%s: %v, want %s", v.Name, failure, v.Failure)
		}
	}
	for _, v := range vectors.Control.Valid {
		control := Control{v.Type, v.Next, v.Limit, v.ID}
		equal(t, "CONTROL", control.Encode(), v.Plaintext)
		if decoded, ok := DecodeControl(v.Plaintext); !ok || decoded != control {
			t.Errorf("%x: %v", v.Plaintext, decoded)
		}
	}
	for _, v := range vectors.Control.Invalid {
		if _, ok := DecodeControl(v.Plaintext); ok {
			t.Error(v.Name)
		}
	}
	for _, v := range vectors.Payloads.Open {
		decoded, ok := DecodeOpenPayload(v.Plaintext)
		encoded, failure := EncodePayload(decoded)
		if !ok || failure != nil || !bytes.Equal(encoded, v.Plaintext) {
			t.Errorf("%s: %v %s", v.Payload, ok, encoded)
		}
	}
	for _, v := range vectors.Payloads.Accept {
		decoded, ok := DecodeAcceptPayload(v.Plaintext)
		encoded, failure := EncodePayload(decoded)
		if !ok || failure != nil || !bytes.Equal(encoded, v.Plaintext) {
			t.Errorf("%s: %v %s", v.Payload, ok, encoded)
		}
	}
	for _, v := range vectors.Payloads.InvalidOpen {
		if _, ok := DecodeOpenPayload(v.Plaintext); ok {
			t.Error(v.Name)
		}
	}
	for _, v := range vectors.Payloads.InvalidAccept {
		if _, ok := DecodeAcceptPayload(v.Plaintext); ok {
			t.Error(v.Name)
		}
	}
}

// inputs are what every channel's vector gives: seeds and all that is drawn at random.
type inputs struct {
	Name                                                       string
	InitiatorSeed, ResponderSeed, ChannelID                    hexBytes
	EaSecret, KemSeed, EbSecret, Ct, K, OpenFrame, AcceptFrame hexBytes
	Open                                                       OpenPayload
	Accept                                                     AcceptPayload
}

func (v inputs) ends(t *testing.T) (a, b *Identity, initiator *Initiator) {
	t.Helper()
	a, b = NewIdentity(Key(v.InitiatorSeed)), NewIdentity(Key(v.ResponderSeed))
	payload, failure := EncodePayload(v.Open)
	if failure != nil {
		t.Fatal(failure)
	}
	initiator, ok := NewInitiator(a, b.Public, [16]byte(v.ChannelID), v.EaSecret, v.KemSeed, payload)
	if !ok {
		t.Fatal(v.Name, "no handshake")
	}
	return a, b, initiator
}

type written struct{ Transcript, Root, DataAB, DataBA, ControlAB, ControlBA hexBytes }

func (w written) check(t *testing.T, keys *Keys) {
	t.Helper()
	equal(t, "transcript", keys.transcript, w.Transcript)
	equal(t, "root", keys.root[:], w.Root)
	send, receive, control := w.DataAB, w.DataBA, w.ControlAB
	if !keys.initiator {
		send, receive, control = w.DataBA, w.DataAB, w.ControlBA
	}
	equal(t, "key to send", keys.send[:], send)
	equal(t, "key to receive", keys.receive[:], receive)
	equal(t, "key for CONTROL", keys.sendControl[:], control)
}

func TestHandshakes(t *testing.T) {
	var vectors struct {
		Valid []struct {
			inputs
			Keys written
		}
		Invalid struct {
			Of   string
			Open []struct {
				Name      string
				OpenFrame hexBytes
			}
			Accept []struct {
				Name, Failure string
				AcceptFrame   hexBytes
			}
		}
	}
	load(t, "handshakes.json", &vectors)
	for _, v := range vectors.Valid {
		a, b, initiator := v.ends(t)
		equal(t, v.Name+": OPEN", initiator.Frame, v.OpenFrame)
		responder, ok := ReceiveOpen(b, a.Public, v.OpenFrame)
		if !ok || responder.Payload.Resource != v.Open.Resource {
			t.Fatal(v.Name, "OPEN does not open")
		}
		payload, failure := EncodePayload(v.Accept)
		if failure != nil {
			t.Fatal(failure)
		}
		accept, keys, ok := responder.Accept(v.EbSecret, v.Ct, v.K, payload)
		if !ok {
			t.Fatal(v.Name, "no ACCEPT")
		}
		equal(t, v.Name+": ACCEPT", accept, v.AcceptFrame)
		v.Keys.check(t, keys)
		keys, accepted, ok := initiator.ReceiveAccept(v.AcceptFrame)
		if !ok || accepted != v.Accept {
			t.Fatal(v.Name, "ACCEPT does not open")
		}
		v.Keys.check(t, keys)
		if v.Name != vectors.Invalid.Of {
			continue
		}
		for _, bad := range vectors.Invalid.Open {
			responder, ok := ReceiveOpen(b, a.Public, bad.OpenFrame)
			if ok {
				// Only ek can still be wrong: it is looked at when the responder encapsulates.
				_, _, ok = responder.Encapsulate()
			}
			if ok {
				t.Error("taken: OPEN with", bad.Name)
			}
		}
		for _, bad := range vectors.Invalid.Accept {
			_, _, again := v.ends(t)
			_, payload, ok := again.ReceiveAccept(bad.AcceptFrame)
			offered := payload.Protocol == "" || contains(v.Open.Protocols, payload.Protocol)
			if ok && (bad.Failure == "dropped" || offered) || !ok && bad.Failure != "dropped" {
				t.Error("taken: ACCEPT with", bad.Name)
			}
		}
	}
}

// TestChannels opens every frame of the recorded channels with the other end's keys, and seals it again.
func TestChannels(t *testing.T) {
	var vectors struct {
		Valid []struct {
			inputs
			Rekeys []struct{ EaSecret, EbSecret hexBytes }
			Epochs []written
			Steps  []struct {
				From, Kind       string
				Frame, Plaintext hexBytes
				Epoch            uint32
				Seq, Counter     uint64
			}
		}
	}
	load(t, "channels.json", &vectors)
	for _, v := range vectors.Valid {
		a, b, initiator := v.ends(t)
		equal(t, "OPEN", initiator.Frame, v.Steps[0].Frame)
		// The responder's keys: from ct and K as a library would give them.
		ct := v.Steps[1].Frame[headLength+32 : acceptBoxAt]
		secret, err := initiator.dk.Decapsulate(ct)
		if err != nil {
			t.Fatal(err)
		}
		responder, ok := ReceiveOpen(b, a.Public, v.Steps[0].Frame)
		payload, failure := EncodePayload(v.Accept)
		if !ok || failure != nil {
			t.Fatal("OPEN does not open")
		}
		accept, forB, ok := responder.Accept(v.EbSecret, ct, secret, payload)
		equal(t, "ACCEPT", accept, v.Steps[1].Frame)
		forA, _, opened := initiator.ReceiveAccept(accept)
		if !ok || !opened {
			t.Fatal("ACCEPT does not open")
		}
		v.Epochs[0].check(t, forA)
		rekeys := 0
		for _, step := range v.Steps[2:] {
			from, to := forA, forB
			if step.From == "responder" {
				from, to = forB, forA
			}
			if step.Kind == "CONTROL" {
				equal(t, "CONTROL", from.SealControl(step.Plaintext), step.Frame)
				plaintext, ok := to.OpenControl(step.Epoch, step.Counter, step.Frame[headLength+12:])
				if !ok || !bytes.Equal(plaintext, step.Plaintext) {
					t.Fatal(v.Name, "CONTROL does not open")
				}
				continue
			}
			opcode, _, content, failure := DecodeData(step.Plaintext)
			if failure != nil {
				t.Fatal(failure)
			}
			if opcode == opRekey && step.From == "initiator" {
				equal(t, "rekey", forA.StartRekey(v.Rekeys[rekeys].EaSecret), content)
			}
			equal(t, "DATA", from.SealData(step.Seq, step.Plaintext), step.Frame)
			plaintext, ok := to.OpenData(step.Seq, step.Frame[headLength+8:])
			if !ok || !bytes.Equal(plaintext, step.Plaintext) {
				t.Fatal(v.Name, "DATA does not open: seq", step.Seq)
			}
			switch {
			case opcode == opRekey && step.From == "initiator":
				answer, ok := forB.AnswerRekey(content, v.Rekeys[rekeys].EbSecret)
				if !ok {
					t.Fatal("no answer to rekey")
				}
				// The answer is the responder's next DATA; it is sealed below, under the old key.
				t.Logf("rekey %d: answer %x", rekeys, answer)
			case opcode == opRekey:
				forB.SwitchSend()
				if !forA.FinishRekey(content) {
					t.Fatal("the answer is refused")
				}
			case opcode == opRekeyed:
				forA.SwitchSend()
				forA.Complete()
				forB.SwitchReceive()
				forB.Complete()
				rekeys++
				v.Epochs[rekeys].check(t, forA)
				v.Epochs[rekeys].check(t, forB)
			}
		}
		if rekeys != len(v.Rekeys) {
			t.Errorf("%s: %d rekeys, want %d", v.Name, rekeys, len(v.Rekeys))
		}
	}
}

// aside is a host that keeps what a channel sends.
type aside struct{ sent [][]byte }

func (a *aside) send(_ Key, frame []byte) { a.sent = append(a.sent, bytes.Clone(frame)) }
func (a *aside) isRegistered() bool       { return true }
func (a *aside) forget(*Channel)          {}

func TestBrokenChannels(t *testing.T) {
	type received struct {
		Frame     *hexBytes
		Seq       uint64
		Plaintext hexBytes
		Zeros     int
	}
	var vectors struct {
		inputs
		Keys, KeysAfterRekey written
		Next                 struct {
			Frame    hexBytes
			Delivers struct{ Text string }
		}
		Invalid []struct {
			Name, Failure   string
			Frames          []received
			CloseCode       uint16
			MaxMessageBytes int
			Pongs           int
		}
	}
	load(t, "broken-channels.json", &vectors)
	for _, v := range vectors.Invalid {
		a, b, initiator := vectors.ends(t)
		ct := vectors.AcceptFrame[headLength+32 : acceptBoxAt]
		secret, err := initiator.dk.Decapsulate(ct)
		if err != nil {
			t.Fatal(err)
		}
		responder, ok := ReceiveOpen(b, a.Public, vectors.OpenFrame)
		payload, failure := EncodePayload(vectors.Accept)
		if !ok || failure != nil {
			t.Fatal("OPEN does not open")
		}
		accept, keys, ok := responder.Accept(vectors.EbSecret, ct, secret, payload)
		if !ok {
			t.Fatal("no ACCEPT")
		}
		equal(t, "ACCEPT", accept, vectors.AcceptFrame)
		host := &aside{}
		most := maxMessageBytes
		if v.MaxMessageBytes > 0 {
			most = v.MaxMessageBytes
		}
		var events []Event
		channel := &Channel{client: host, Peer: a.Public, ID: [16]byte(vectors.ChannelID), phase: phaseHalfOpen, keys: keys, credit: vectors.Open.Limit,
			granted: vectors.Accept.Limit, told: vectors.Accept.Limit, most: most, Events: func(_ *Channel, event Event) { events = append(events, event) }}
		now := time.Now()
		give := func(frame []byte) {
			// As Client.message does: what has no whole head is nobody's.
			if len(frame) >= headLength && bytes.Equal(frame[1:headLength], channel.ID[:]) {
				channel.receive(frame, now)
			}
		}
		for _, one := range v.Frames {
			if one.Frame != nil {
				give(*one.Frame)
				continue
			}
			frame := binary.BigEndian.AppendUint64(append([]byte{3}, vectors.ChannelID...), one.Seq)
			plaintext := append(bytes.Clone(one.Plaintext), make([]byte, one.Zeros)...)
			give(append(frame, seal(Key(vectors.Keys.DataAB), dataNonce(one.Seq), plaintext)...))
		}
		last := func(name string) (found *Event) {
			for _, event := range events {
				if event.Name == name {
					found = &event
				}
			}
			return found
		}
		if v.Failure == "dropped" {
			give(vectors.Next.Frame)
			if text := last("text"); last("close") != nil || text == nil || text.Text != vectors.Next.Delivers.Text {
				t.Errorf("%s: %v", v.Name, events)
			}
			pongs := 0
			for _, sent := range host.sent {
				if sent[0] == 4 {
					nonce := controlNonce(binary.BigEndian.Uint32(sent[headLength:]), binary.BigEndian.Uint64(sent[headLength+4:]))
					if plaintext, ok := open(Key(vectors.Keys.ControlBA), nonce, sent[headLength+12:]); ok && plaintext[0] == controlPong {
						pongs++
					}
				}
			}
			if pongs != v.Pongs {
				t.Errorf("%s: %d PONGs, want %d", v.Name, pongs, v.Pongs)
			}
			continue
		}
		closed := last("close")
		if closed == nil || closed.Failure != v.Failure || closed.Code != 1006 || closed.Clean {
			t.Errorf("%s: %v, want %s", v.Name, events, v.Failure)
			continue
		}
		// The last DATA that went out is a close with the failure's code.
		var frame []byte
		for _, sent := range host.sent {
			if sent[0] == 3 {
				frame = sent
			}
		}
		if frame == nil {
			t.Errorf("%s: no close was sent", v.Name)
			continue
		}
		// This end draws its own ephemeral, so the keys are those that it has.
		plaintext, ok := open(channel.keys.send, dataNonce(binary.BigEndian.Uint64(frame[headLength:])), frame[headLength+8:])
		opcode, _, content, _ := DecodeData(plaintext)
		if code, _, _ := decodeClose(content); !ok || opcode != opClose || code != v.CloseCode {
			t.Errorf("%s: the peer is told %d, want %d", v.Name, code, v.CloseCode)
		}
	}
}

func TestResets(t *testing.T) {
	var vectors struct {
		SenderSeed, ReceiverSeed, Provoking, Echo hexBytes
		Valid                                     []struct {
			Code         uint16
			Nonce, Frame hexBytes
		}
		Invalid []struct {
			Name  string
			Frame hexBytes
		}
	}
	load(t, "resets.json", &vectors)
	sender, receiver := NewIdentity(Key(vectors.SenderSeed)), NewIdentity(Key(vectors.ReceiverSeed))
	for _, v := range vectors.Valid {
		frame, ok := SealReset(sender, receiver.Public, v.Code, vectors.Provoking, [24]byte(v.Nonce))
		if !ok {
			t.Fatal("no RESET")
		}
		equal(t, "RESET", frame, v.Frame)
		code, echo, ok := OpenReset(receiver, sender.Public, v.Frame)
		if !ok || code != v.Code || !bytes.Equal(echo[:], vectors.Echo) {
			t.Errorf("RESET %d does not open", v.Code)
		}
	}
	for _, v := range vectors.Invalid {
		if _, _, ok := OpenReset(receiver, sender.Public, v.Frame); ok {
			t.Error("taken: RESET with", v.Name)
		}
	}
}

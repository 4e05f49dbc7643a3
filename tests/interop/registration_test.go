package interop

import (
	"testing"
)

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
		Hosts      []struct{ URL, Host string }
		CloseCodes []struct {
			CloseCode int64
			Failure   string
		}
	}
	load(t, "registration.json", &vectors)
	for _, v := range vectors.Valid {
		r := &Registration{Identity: NewIdentity(Key(v.ClientSeed)), Host: v.Host, Encoding: v.Encoding, LastTerm: v.LastTerm, ClientNonce: v.ClientNonce, Token: v.Token}
		answer, _, failure := r.Receive(v.Challenge)
		if failure != nil || !sameJSON(t, answer.Encode(), v.Response) {
			t.Errorf("%s: answers %v %v", v.Name, answer, failure)
		}
		equal(t, "registered", RegisteredMessage(r.register, r.signed, v.LastTerm+1), v.Registered)
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
		if got := dialledHost(v.URL); got != v.Host {
			t.Errorf("%s: %s, want %s", v.URL, got, v.Host)
		}
	}
	for _, v := range vectors.CloseCodes {
		if got := failureOf(v.CloseCode); got != v.Failure {
			t.Errorf("%d: %s, want %s", v.CloseCode, got, v.Failure)
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
	message := RegisterMessage(Facts{nonce, relay.Signing[:], public[:], signing, frame.bytes("clientNonce"), frame.text("host"), frame.text("token"), frame.int("lastTerm")})
	if !Verify(signing, message, frame.bytes("signedNonce")) {
		return fail("registration-refused", "signedNonce")
	}
	return nil
}

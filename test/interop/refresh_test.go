package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"octo-sts.dev/interop/gen/oidc"
)

// How long the sandbox's policy lets a family of refresh tokens live.
const longJobMaxAge = 8 * time.Hour

// Refreshing is one way to refresh; it takes the refresh token and returns the next pair.
type refreshing func(t *testing.T, token string) (*oidc.TokenPair, error)

func TestRefresh(t *testing.T) {
	for transport, server := range map[string]*sandbox{"plain text": plain, "TLS": secure} {
		for protocol, refresh := range map[string]refreshing{"gRPC": overGRPC(server), "HTTP/1": overHTTP1(server)} {
			t.Run(transport+"/"+protocol, func(t *testing.T) {
				first := startLongJob(t, server)
				one, err := refresh(t, first)
				if err != nil {
					t.Fatal(err)
				}
				checkPair(t, server, first, one)
				second := one.GetRefreshToken().GetToken()
				two, err := refresh(t, second)
				if err != nil {
					t.Fatal(err)
				}
				checkPair(t, server, second, two)

				// Reuse of a token whose successor was used is theft, and ends the family.
				for _, row := range []struct{ name, token, reason string }{
					{"the first, replayed", first, "REFRESH_TOKEN_REUSED"},
					{"the newest, of the dead family", two.GetRefreshToken().GetToken(), "REFRESH_TOKEN_REVOKED"},
					{"the first, once more", first, "REFRESH_TOKEN_REVOKED"},
				} {
					_, err := refresh(t, row.token)
					if reason := refusedFor(t, server, err); status.Code(err) != codes.Unauthenticated || reason != row.reason {
						t.Errorf("%s: got %v %s, want Unauthenticated %s", row.name, err, reason, row.reason)
					}
				}
			})
		}
	}
}

// The SDK tries again after Unavailable, Internal and DeadlineExceeded, with the token that it has: an answer that was
// lost must not end the family. Each deadline falls somewhere else: before the request, while it is answered, or after.
func TestRefreshAfterLostAnswers(t *testing.T) {
	client, token := oidc.NewSecurityTokenServiceClient(dial(t, plain)), startLongJob(t, plain)
	for _, deadline := range []time.Duration{time.Microsecond, time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond,
		8 * time.Millisecond, 16 * time.Millisecond, 32 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(authorized(t, token), deadline)
		pair, err := client.ExchangeRefreshToken(ctx, &oidc.ExchangeRefreshTokenRequest{})
		cancel()
		if status.Code(err) == codes.DeadlineExceeded {
			pair, err = client.ExchangeRefreshToken(authorized(t, token), &oidc.ExchangeRefreshTokenRequest{})
		}
		if err != nil {
			t.Fatalf("with a deadline of %s first: %v", deadline, err)
		}
		checkPair(t, plain, token, pair)
		token = pair.GetRefreshToken().GetToken()
	}
}

// The same token at once again, before its successor is used: the answer that came first may have been lost.
func TestRefreshRepeated(t *testing.T) {
	refresh, first := overGRPC(plain), startLongJob(t, plain)
	for range 2 {
		pair, err := refresh(t, first)
		if err != nil {
			t.Fatal(err)
		}
		checkPair(t, plain, first, pair)
	}
}

func TestRefreshRefusals(t *testing.T) {
	client, prepared, token := oidc.NewSecurityTokenServiceClient(dial(t, plain)), plain.named(t, longJob), startLongJob(t, plain)
	bearer := []string{"Bearer " + token}
	for _, row := range []struct {
		name          string
		authorization []string
		request       *oidc.ExchangeRefreshTokenRequest
		code          codes.Code
		reason        string
	}{
		{"no authorization", nil, &oidc.ExchangeRefreshTokenRequest{}, codes.Unauthenticated, "AUTHORIZATION_MISSING"},
		{"two authorizations", append(bearer, bearer...), &oidc.ExchangeRefreshTokenRequest{}, codes.Unauthenticated, "AUTHORIZATION_REPEATED"},
		{"garbage", []string{"Bearer garbage"}, &oidc.ExchangeRefreshTokenRequest{}, codes.Unauthenticated, "REFRESH_TOKEN_INVALID"},
		{"an OIDC token", []string{"Bearer " + prepared.Token}, &oidc.ExchangeRefreshTokenRequest{}, codes.Unauthenticated, "REFRESH_TOKEN_INVALID"},
		{"a changed byte", []string{"Bearer " + flip(token)}, &oidc.ExchangeRefreshTokenRequest{}, codes.Unauthenticated, "REFRESH_TOKEN_INVALID"},
		{"another scope", bearer, &oidc.ExchangeRefreshTokenRequest{Scopes: []string{"acme/docs"}}, codes.InvalidArgument, "REFRESH_SCOPE_MISMATCH"},
		{"several scopes", bearer, &oidc.ExchangeRefreshTokenRequest{Scopes: []string{"a/b", "c/d"}}, codes.InvalidArgument, "SCOPES_MULTIPLE"},
		{"more than the policy", bearer, &oidc.ExchangeRefreshTokenRequest{Cap: []string{"issues:write"}}, codes.InvalidArgument, "CAP_EXCEEDS_POLICY"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := client.ExchangeRefreshToken(withAuthorization(t, row.authorization), row.request)
			if reason := refusedFor(t, plain, err); status.Code(err) != row.code || reason != row.reason {
				t.Errorf("got %v %s, want %s %s", err, reason, row.code, row.reason)
			}
		})
	}

	// Nothing of that has consumed the token.
	pair, err := client.ExchangeRefreshToken(withAuthorization(t, bearer),
		&oidc.ExchangeRefreshTokenRequest{Scopes: []string{prepared.Scope}, Cap: []string{"contents:read"}})
	if err != nil {
		t.Fatal(err)
	}
	checkPair(t, plain, token, pair)
	// And what was narrowed stays so.
	_, err = client.ExchangeRefreshToken(authorized(t, pair.GetRefreshToken().GetToken()),
		&oidc.ExchangeRefreshTokenRequest{Cap: []string{"contents:write"}})
	if status.Code(err) != codes.InvalidArgument || refusedFor(t, plain, err) != "CAP_EXCEEDS_POLICY" {
		t.Errorf("a wider cap than the family's: got %v, want InvalidArgument CAP_EXCEEDS_POLICY", err)
	}
}

// StartLongJob returns a first refresh token.
func startLongJob(t *testing.T, server *sandbox) string {
	t.Helper()
	prepared := server.named(t, longJob)
	issued, err := oidc.NewSecurityTokenServiceClient(dial(t, server)).Exchange(authorized(t, prepared.Token),
		&oidc.ExchangeRequest{Scopes: []string{prepared.Scope}, Identity: prepared.Identity})
	if err != nil {
		t.Fatal(err)
	}
	if issued.GetRefreshToken() == "" {
		t.Fatal("there is no refresh token")
	}
	return issued.GetRefreshToken()
}

func overGRPC(server *sandbox) refreshing {
	return func(t *testing.T, token string) (*oidc.TokenPair, error) {
		ctx, cancel := context.WithTimeout(authorized(t, token), 9*time.Second)
		defer cancel()
		return oidc.NewSecurityTokenServiceClient(dial(t, server)).ExchangeRefreshToken(ctx, &oidc.ExchangeRefreshTokenRequest{})
	}
}

func overHTTP1(server *sandbox) refreshing {
	return func(t *testing.T, token string) (*oidc.TokenPair, error) {
		body, err := post(t, server, "/sts/exchange_refresh_token", token, url.Values{"scopes": {server.named(t, longJob).Scope}})
		if err != nil {
			return nil, err
		}
		return strictPair(t, body), nil
	}
}

// CheckPair holds a pair to what was promised; the token in it is dead afterwards.
func checkPair(t *testing.T, server *sandbox, before string, pair *oidc.TokenPair) {
	t.Helper()
	next := pair.GetRefreshToken()
	if next.GetToken() == "" || next.GetToken() == before || next.GetToken() == pair.GetToken().GetToken() {
		t.Error("there is no next refresh token")
	}
	if left := time.Until(next.GetExpiry().AsTime()); left <= time.Hour || left > longJobMaxAge+time.Minute {
		t.Errorf("the refresh token ends in %s, want within %s", left, longJobMaxAge)
	}
	checkToken(t, server, pair.GetToken())
}

// StrictPair decodes twice, as strictToken does. All members are there, also those that are empty.
func strictPair(t *testing.T, body []byte) *oidc.TokenPair {
	t.Helper()
	type raw struct {
		Token        *string    `json:"token"`
		RefreshToken *string    `json:"refreshToken"`
		Expiry       *time.Time `json:"expiry"`
	}
	var members struct {
		Token        *raw `json:"token"`
		RefreshToken *raw `json:"refreshToken"`
	}
	strictJSON(t, body, &members)
	for _, member := range []*raw{members.Token, members.RefreshToken} {
		if member == nil || member.Token == nil || member.RefreshToken == nil || member.Expiry == nil {
			t.Fatalf("a member is missing: %s", body)
		}
	}
	pair := new(oidc.TokenPair)
	if err := protojson.Unmarshal(body, pair); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return pair
}

// StrictJSON refuses members that it does not know.
func strictJSON(t *testing.T, body []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
}

package interop

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const (
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	jwtType       = "urn:ietf:params:oauth:token-type:jwt"
	idTokenType   = "urn:ietf:params:oauth:token-type:id_token"
)

// An oauthAnswer has the members of RFC 8693 §2.2.1, an oauthRefusal those of RFC 6749 §5.2.
type oauthAnswer struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int    `json:"expires_in"`
	Scope           string `json:"scope"`
	RefreshToken    string `json:"refresh_token"`
}

type oauthRefusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	URI         string `json:"error_uri"`
}

func TestCurlOAuth(t *testing.T) {
	for transport, server := range map[string]*sandbox{"plain text": plain, "TLS": secure} {
		t.Run(transport, func(t *testing.T) {
			job := server.named(t, longJob)
			granted := func(parameters ...string) oauthAnswer {
				t.Helper()
				status, body := curlPost(t, server, "/token", parameters...)
				if status != "200" {
					t.Fatalf("got %s %s, want 200", status, body)
				}
				var answer oauthAnswer
				strictJSON(t, []byte(body), &answer)
				if answer.IssuedTokenType != "urn:ietf:params:oauth:token-type:access_token" || answer.TokenType != "Bearer" ||
					answer.ExpiresIn <= 0 || answer.ExpiresIn > 3_600 || answer.RefreshToken == "" {
					t.Errorf("got %s", body)
				}
				if got := server.callGitHub(t, "GET", "/installation/repositories", answer.AccessToken); got != 200 {
					t.Errorf("the access token gets %d at GitHub, want 200", got)
				}
				return answer
			}
			refused := func(want, reason string, parameters ...string) {
				t.Helper()
				status, body := curlPost(t, server, "/token", parameters...)
				var refusal oauthRefusal
				strictJSON(t, []byte(body), &refusal)
				uri := "https://" + server.Domain + "/errors#" + reason
				if status != "400" || refusal.Error != want || refusal.URI != uri || refusal.Description == "" {
					t.Errorf("got %s %s, want 400 %s with %s", status, body, want, uri)
				}
			}
			revoke := func(token string) {
				t.Helper()
				if status, body := curlPost(t, server, "/revoke", "token="+token); status != "200" || body != "" {
					t.Errorf("the revocation got %s %q, want 200 and nothing", status, body)
				}
			}
			exchange := func(parameters ...string) []string {
				return append([]string{"grant_type=" + tokenExchange, "subject_token=" + job.Token, "identity=" + job.Identity}, parameters...)
			}
			refresh := func(token string, parameters ...string) []string {
				return append([]string{"grant_type=refresh_token", "refresh_token=" + token}, parameters...)
			}

			byAudience := granted(exchange("subject_token_type="+idTokenType, "audience="+job.Scope)...)
			first := granted(exchange("subject_token_type="+jwtType, "resource=https://github.com/"+job.Scope)...)
			second := granted(refresh(first.RefreshToken)...)
			third := granted(refresh(second.RefreshToken, "scope=contents:read")...)
			for name, row := range map[string]struct {
				answer oauthAnswer
				want   string
			}{"by audience": {byAudience, "contents:write"}, "by resource": {first, "contents:write"}, "refreshed": {second, "contents:write"}, "narrowed": {third, "contents:read"}} {
				if row.answer.Scope != row.want {
					t.Errorf("%s: the scope is %q, want %q", name, row.answer.Scope, row.want)
				}
			}

			refused("invalid_scope", "CAP_EXCEEDS_POLICY", refresh(third.RefreshToken, "scope=contents:write")...)
			refused("invalid_target", "REFRESH_SCOPE_MISMATCH", refresh(third.RefreshToken, "audience=acme/docs")...)
			refused("invalid_grant", "REFRESH_TOKEN_INVALID", refresh("garbage")...)
			refused("invalid_grant", "REFRESH_TOKEN_REUSED", refresh(first.RefreshToken)...)
			refused("invalid_grant", "REFRESH_TOKEN_REVOKED", refresh(third.RefreshToken)...)
			refused("invalid_target", "POLICY_NOT_FOUND", "grant_type="+tokenExchange, "subject_token="+job.Token,
				"subject_token_type="+jwtType, "audience="+job.Scope, "identity=nobody-"+job.Identity)
			refused("invalid_request", "TOKEN_MALFORMED", "grant_type="+tokenExchange, "subject_token=garbage",
				"subject_token_type="+jwtType, "audience="+job.Scope, "identity="+job.Identity)
			refused("unsupported_grant_type", "GRANT_TYPE_UNSUPPORTED", "grant_type=password")

			// A refresh token ends its family, an installation token ends at GitHub; unknown ones are answered alike.
			revoke(byAudience.RefreshToken)
			refused("invalid_grant", "REFRESH_TOKEN_REVOKED", refresh(byAudience.RefreshToken)...)
			revoke(byAudience.AccessToken)
			if got := server.callGitHub(t, "GET", "/installation/repositories", byAudience.AccessToken); got != 401 {
				t.Errorf("the revoked token gets %d at GitHub, want 401", got)
			}
			revoke(byAudience.AccessToken)
			revoke("garbage")
		})
	}
}

// The OAuth library of Go refreshes by itself, as a program that holds one for hours does.
func TestOAuthLibraryRefreshes(t *testing.T) {
	config := oauth2.Config{ClientID: "nightly", Endpoint: oauth2.Endpoint{TokenURL: secure.url("/token"), AuthStyle: oauth2.AuthStyleInParams}}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, http1(secure))
	held := &oauth2.Token{RefreshToken: startLongJob(t, secure), Expiry: time.Now().Add(-time.Minute)}
	first := held.RefreshToken
	for range 3 {
		token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: held.RefreshToken}).Token()
		if err != nil {
			t.Fatal(err)
		}
		if !token.Valid() || token.Type() != "Bearer" || token.RefreshToken == held.RefreshToken {
			t.Errorf("got %+v, want a valid bearer token and the next refresh token", token)
		}
		if got := secure.callGitHub(t, "GET", "/installation/repositories", token.AccessToken); got != 200 {
			t.Errorf("the token gets %d at GitHub, want 200", got)
		}
		held = token
	}
	_, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: first}).Token()
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) || refusal.ErrorCode != "invalid_grant" || refusal.Response.StatusCode != 400 {
		t.Errorf("the replay: got %v, want 400 invalid_grant", err)
	}
}

// RFC 8414 and RFC 9728: what a client learns before it has a token, starting from a 401.
func TestWellKnown(t *testing.T) {
	type authorizationServer struct {
		Issuer               string   `json:"issuer"`
		TokenEndpoint        string   `json:"token_endpoint"`
		TokenMethods         []string `json:"token_endpoint_auth_methods_supported"`
		RevocationEndpoint   string   `json:"revocation_endpoint"`
		RevocationMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
		GrantTypes           []string `json:"grant_types_supported"`
		ResponseTypes        []string `json:"response_types_supported"`
		Scopes               []string `json:"scopes_supported"`
		ServiceDocumentation string   `json:"service_documentation"`
	}
	type protectedResource struct {
		Resource             string   `json:"resource"`
		AuthorizationServers []string `json:"authorization_servers"`
		BearerMethods        []string `json:"bearer_methods_supported"`
		Name                 string   `json:"resource_name"`
		Documentation        string   `json:"resource_documentation"`
	}
	base := "https://" + plain.Domain

	answer, _ := fetch(t, "POST", "/sts/exchange_refresh_token")
	pointer := `resource_metadata="` + base + `/.well-known/oauth-protected-resource"`
	if got := answer.Header.Get("WWW-Authenticate"); answer.StatusCode != 401 || !strings.HasPrefix(got, "Bearer ") || !strings.Contains(got, pointer) {
		t.Errorf("got %s with WWW-Authenticate %q, want 401 with %s", answer.Status, got, pointer)
	}

	var resource protectedResource
	_, body := fetch(t, "GET", "/.well-known/oauth-protected-resource")
	strictJSON(t, body, &resource)
	if resource.Resource != base || strings.Join(resource.AuthorizationServers, " ") != base || strings.Join(resource.BearerMethods, " ") != "header" {
		t.Errorf("got %s", body)
	}

	var server authorizationServer
	_, body = fetch(t, "GET", "/.well-known/oauth-authorization-server")
	strictJSON(t, body, &server)
	if server.Issuer != base || server.TokenEndpoint != base+"/token" || server.RevocationEndpoint != base+"/revoke" ||
		strings.Join(server.TokenMethods, " ") != "none" || strings.Join(server.RevocationMethods, " ") != "none" ||
		strings.Join(server.GrantTypes, " ") != tokenExchange+" refresh_token" || server.ResponseTypes == nil || len(server.Scopes) == 0 {
		t.Errorf("got %s", body)
	}

	var document struct {
		OpenAPI string                     `json:"openapi"`
		Paths   map[string]json.RawMessage `json:"paths"`
	}
	_, body = fetch(t, "GET", "/openapi.json")
	if err := json.Unmarshal(body, &document); err != nil || !strings.HasPrefix(document.OpenAPI, "3.1") || document.Paths["/token"] == nil {
		t.Errorf("/openapi.json: got OpenAPI %q (%v) with %d paths, want 3.1 with /token", document.OpenAPI, err, len(document.Paths))
	}
}

func fetch(t *testing.T, method, path string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, plain.url(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, http1(plain), request)
}

// CurlPost posts a form of `name=value`, and returns the status and the body.
func curlPost(t *testing.T, server *sandbox, path string, parameters ...string) (status, body string) {
	t.Helper()
	flags := []string{"--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}"}
	if server.roots != nil {
		flags = append(flags, "--cacert", server.certFile)
	}
	for _, parameter := range parameters {
		flags = append(flags, "--data-urlencode", parameter)
	}
	output := run(t, "curl", append(flags, server.url(path))...)
	cut := strings.LastIndex(output, "\n")
	return output[cut+1:], output[:cut]
}

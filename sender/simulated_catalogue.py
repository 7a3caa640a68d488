"""What else an account holds at the simulated Twilio: itself, its numbers, its services, and price lists."""

from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode

from werkzeug.wrappers import Request

from sender.simulated_accounts import SimulatedAccount, SimulatedNumber, SimulatedService
from sender.simulated_errors import Refusal
from sender.simulated_messages import PREFIX, page_size, rfc2822
from sender.simulated_prices import PriceTable, Tariff

MESSAGING = "https://messaging.twilio.com/v1"
PRICING = "https://pricing.twilio.com/v1"
Shape = dict[str, object]


def account_shape(account: SimulatedAccount, born: datetime) -> Shape:
    """The account resource; the token is not shown."""
    return {
        "sid": account.sid,
        "friendly_name": account.name,
        "owner_account_sid": account.owner_sid,
        "status": account.status,
        "type": account.type,
        "auth_token": "",
        "date_created": rfc2822(born),
        "date_updated": rfc2822(born),
        "subresource_uris": {},
        "uri": f"{PREFIX}/{account.sid}.json",
    }


def number_shape(account: SimulatedAccount, number: SimulatedNumber, born: datetime) -> Shape:
    """An incoming phone number, or a short code when it is one."""
    short = number.kind == "shortcode"
    kept: Shape = {
        "sid": number.sid,
        "account_sid": account.sid,
        "friendly_name": number.name or number.phone,
        ("short_code" if short else "phone_number"): number.phone,
        "sms_url": number.sms_url,
        "sms_method": "POST",
        "api_version": "2010-04-01",
        "date_created": rfc2822(born),
        "date_updated": rfc2822(born),
        "uri": f"{PREFIX}/{account.sid}/{'SMS/ShortCodes' if short else 'IncomingPhoneNumbers'}/{number.sid}.json",
    }
    if not short:
        kept |= {"capabilities": {"sms": True, "mms": number.mms, "voice": False, "fax": False}, "status": "in-use"}
    return kept


def numbers_page(account: SimulatedAccount, request: Request, born: datetime, *, short: bool) -> Shape:
    """A page of the account's numbers (`short` False) or short codes; filters PhoneNumber and ShortCode."""
    wanted = request.args.get("ShortCode" if short else "PhoneNumber", "")
    found = [n for n in account.numbers if (n.kind == "shortcode") == short and wanted in n.phone]
    size, page = page_size(request), int(request.args.get("Page", "0"))
    uri = f"{PREFIX}/{account.sid}/{'SMS/ShortCodes' if short else 'IncomingPhoneNumbers'}.json"
    more = len(found) > (page + 1) * size
    return {
        ("short_codes" if short else "incoming_phone_numbers"): [
            number_shape(account, number, born) for number in found[page * size : (page + 1) * size]
        ],
        "page": page,
        "page_size": size,
        "uri": uri,
        "first_page_uri": f"{uri}?PageSize={size}&Page=0",
        "next_page_uri": f"{uri}?PageSize={size}&Page={page + 1}" if more else None,
        "previous_page_uri": None,
        "start": page * size,
        "end": page * size + size - 1,
    }


def number_of(account: SimulatedAccount, sid: str) -> SimulatedNumber:
    """The number or short code with this SID; raises a 404 Refusal."""
    found = next((number for number in account.numbers if number.sid == sid), None)
    if found is None:
        raise Refusal(20404, status=HTTPStatus.NOT_FOUND)
    return found


def service_shape(account: SimulatedAccount, service: SimulatedService, born: datetime) -> Shape:
    """A messaging service as messaging.twilio.com writes it."""
    url = f"{MESSAGING}/Services/{service.sid}"
    return {
        "sid": service.sid,
        "account_sid": account.sid,
        "friendly_name": service.name,
        "date_created": iso(born),
        "date_updated": iso(born),
        "inbound_request_url": service.inbound_url or None,
        "inbound_method": "POST",
        "status_callback": service.status_callback or None,
        "sticky_sender": True,
        "smart_encoding": service.smart_encoding,
        "mms_converter": True,
        "area_code_geomatch": False,
        "validity_period": 36_000,
        "use_inbound_webhook_on_number": not service.inbound_url,
        "usecase": "undeclared",
        "us_app_to_person_registered": True,
        "url": url,
        "links": {"phone_numbers": f"{url}/PhoneNumbers"},
    }


def pool_shape(account: SimulatedAccount, service: SimulatedService, phone: str, born: datetime) -> Shape:
    """A number of a service's pool."""
    number = account.number(phone) or SimulatedNumber(phone)
    return {
        "sid": number.sid,
        "account_sid": account.sid,
        "service_sid": service.sid,
        "phone_number": phone,
        "country_code": "US",
        "capabilities": ["SMS", "MMS"] if number.mms else ["SMS"],
        "date_created": iso(born),
        "date_updated": iso(born),
        "url": f"{MESSAGING}/Services/{service.sid}/PhoneNumbers/{number.sid}",
    }


def country_shape(prices: PriceTable, iso_country: str) -> Shape:
    """The messaging prices of a country as pricing.twilio.com writes them; a 404 Refusal for one without prices."""
    outbound = prices.tariffs("sms-outbound", iso_country)
    if not outbound or outbound[0].country != iso_country:
        raise Refusal(20404, status=HTTPStatus.NOT_FOUND)
    inbound = prices.tariffs("sms-inbound", iso_country)
    kinds = ("mobile", "local", "shortcode", "toll-free")
    return {
        "country": prices.names.get(iso_country, iso_country),
        "iso_country": iso_country,
        "price_unit": "USD",
        "outbound_sms_prices": [
            {"carrier": tariff.name or "All", "mcc": "", "mnc": "", "prices": [_price(kind, tariff) for kind in kinds]}
            for tariff in outbound
        ],
        "inbound_sms_prices": [_price(kind, tariff) for tariff in inbound for kind in kinds[1:]],
        "url": f"{PRICING}/Messaging/Countries/{iso_country}",
    }


def countries(prices: PriceTable) -> list[Shape]:
    """Every country with a price, as the list of the pricing API shows them."""
    return [
        {"country": name, "iso_country": iso_country, "url": f"{PRICING}/Messaging/Countries/{iso_country}"}
        for iso_country, name in sorted(prices.names.items())
    ]


def v1_page(key: str, found: list[Shape], request: Request, url: str) -> Shape:
    """A page of the newer APIs: the records under `key`, and `meta` with absolute addresses."""
    size, page = page_size(request), int(request.args.get("Page", "0"))

    def address(number: int) -> str:
        kept = [(k, v) for k, v in request.args.items(multi=True) if k not in ("Page", "PageSize")]
        return f"{url}?{urlencode([*kept, ('PageSize', size), ('Page', number)])}"

    more = len(found) > (page + 1) * size
    meta = {
        "key": key,
        "page": page,
        "page_size": size,
        "first_page_url": address(0),
        "previous_page_url": address(page - 1) if page else None,
        "url": address(page),
        "next_page_url": address(page + 1) if more else None,
    }
    return {key: found[page * size : (page + 1) * size], "meta": meta}


def iso(when: datetime) -> str:
    """A date as the newer APIs write it."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _price(kind: str, tariff: Tariff) -> dict[str, str]:
    return {"number_type": kind, "base_price": str(tariff.usd), "current_price": str(tariff.usd)}

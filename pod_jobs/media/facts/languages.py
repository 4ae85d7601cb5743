"""Turns the language that a file names into a code for browsers and a name for people, through a fixed table.

Files say "fre", "fra", "fr", "French", "und", or anything that somebody typed. Only a code from this table is passed on.
"""

from dataclasses import dataclass

# ISO 639-1 code, ISO 639-2 codes (terminological, then bibliographic where it differs), the language's name for itself
TABLE = """
    aa aar Qafar; ab abk Аԥсшәа; af afr Afrikaans; ak aka Akan; am amh አማርኛ; an arg aragonés; ar ara العربية;
    as asm অসমীয়া; az aze azərbaycan; ba bak башҡорт_теле; be bel беларуская; bg bul български;
    bm bam bamanakan; bn ben বাংলা; bo bod tib བོད་སྐད་; br bre brezhoneg; bs bos bosanski; ca cat català;
    ce che нохчийн; co cos corsu; cs ces cze čeština; cu chu церковнословенскїй; cv chv чӑваш;
    cy cym wel Cymraeg; da dan dansk; de deu ger Deutsch; dv div ދިވެހިބަސް; dz dzo རྫོང་ཁ; ee ewe eʋegbe;
    el ell gre Ελληνικά; en eng English; eo epo Esperanto; es spa español; et est eesti; eu eus baq euskara;
    fa fas per فارسی; ff ful Pulaar; fi fin suomi; fo fao føroyskt; fr fra fre français; fy fry Frysk;
    ga gle Gaeilge; gd gla Gàidhlig; gl glg galego; gn grn avañe’ẽ; gu guj ગુજરાતી; gv glv Gaelg; ha hau Hausa;
    he heb עברית; hi hin हिन्दी; hr hrv hrvatski; ht hat Kreyòl_Ayisyen; hu hun magyar; hy hye arm հայերեն;
    ia ina interlingua; id ind Bahasa_Indonesia; ie ile Interlingue; ig ibo Igbo; ii iii ꆈꌠꉙ; io ido Ido;
    is isl ice íslenska; it ita italiano; iu iku ᐃᓄᒃᑎᑐᑦ; ja jpn 日本語; jv jav Basa_Jawa; ka kat geo ქართული;
    ki kik Gikuyu; kk kaz қазақ_тілі; kl kal kalaallisut; km khm ខ្មែរ; kn kan ಕನ್ನಡ; ko kor 한국어; ks kas کٲشُر;
    ku kur kurdî; kw cor kernewek; ky kir кыргызча; la lat Latina; lb ltz Lëtzebuergesch; lg lug Luganda;
    ln lin lingála; lo lao ລາວ; lt lit lietuvių; lu lub Tshiluba; lv lav latviešu; mg mlg Malagasy;
    mi mri mao Māori; mk mkd mac македонски; ml mal മലയാളം; mn mon монгол; mr mar मराठी;
    ms msa may Bahasa_Melayu; mt mlt Malti; my mya bur မြန်မာ; nb nob norsk_bokmål; nd nde isiNdebele;
    ne nep नेपाली; nl nld dut Nederlands; nn nno norsk_nynorsk; no nor norsk; nr nbl isiNdebele;
    nv nav Diné_Bizaad; ny nya Nyanja; oc oci occitan; om orm Oromoo; or ori ଓଡ଼ିଆ; os oss ирон; pa pan ਪੰਜਾਬੀ;
    pl pol polski; ps pus پښتو; pt por português; qu que Runasimi; rm roh rumantsch; rn run Ikirundi;
    ro ron rum română; ru rus русский; rw kin Ikinyarwanda; sa san संस्कृत_भाषा; sc srd sardu; sd snd سنڌي;
    se sme davvisámegiella; sg sag Sängö; si sin සිංහල; sk slk slo slovenčina; sl slv slovenščina;
    sn sna chiShona; so som Soomaali; sq sqi alb shqip; sr srp српски; ss ssw siSwati; st sot Sesotho;
    su sun Basa_Sunda; sv swe svenska; sw swa Kiswahili; ta tam தமிழ்; te tel తెలుగు; tg tgk тоҷикӣ; th tha ไทย;
    ti tir ትግርኛ; tk tuk türkmen_dili; tn tsn Setswana; to ton lea_fakatonga; tr tur Türkçe; ts tso Xitsonga;
    tt tat татар; ug uig ئۇيغۇرچە; uk ukr українська; ur urd اردو; uz uzb o‘zbek; ve ven Tshivenḓa;
    vi vie Tiếng_Việt; vo vol Volapük; wa wln walon; wo wol Wolof; xh xho IsiXhosa; yi yid ייִדיש;
    yo yor Èdè_Yorùbá; za zha Vahcuengh; zh zho chi 中文; zu zul isiZulu;
"""


@dataclass(frozen=True)
class Language:
    """`code` as in BCP 47 ("fr"), `name` in the language itself ("Français")."""

    code: str
    name: str


def _read(table: str) -> dict[str, Language]:
    languages: dict[str, Language] = {}
    for entry in table.split(";"):
        if words := entry.split():
            name = words[-1].replace("_", " ")
            language = Language(words[0], name[0].upper() + name[1:])
            languages |= dict.fromkeys(words[:-1], language)
    return languages


_LANGUAGES = _read(TABLE)


def find_language(code: str) -> Language | None:
    """The language of a two- or three-letter code, also with a region ("pt-BR"); None for everything else."""
    return _LANGUAGES.get(code.strip().lower().replace("_", "-").split("-")[0])


def all_languages() -> dict[str, str]:
    """Code -> name in the language itself."""
    return {language.code: language.name for language in _LANGUAGES.values()}
